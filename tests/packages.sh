# SPDX-License-Identifier: ISC
# For ./run and ./check: which Debian packages each needs, and how what is missing gets installed.
# shellcheck shell=bash disable=SC2034

packages_build=(gcc libc6-dev cmake ninja-build pkg-config libvterm-dev libutf8proc-dev zlib1g-dev
	libuv1-dev libwebsockets-dev libjansson-dev libseccomp-dev libncurses-dev libcurl4-openssl-dev)
packages_demo=(python3 openssh-server openssh-client)
packages_check=(libcmocka-dev clang libclang-rt-14-dev python3 python3-pytest openssh-server
	openssh-client openssl sudo tmux vim less htop procps strace mandoc git iproute2 systemd zsh fish dpkg-dev
	chromium chromium-driver python3-selenium)

# Runs a command as root, and asks for it only here.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	elif [ -t 0 ] && command -v su >/dev/null; then
		su -c "$(printf '%q ' "$@")"
	else
		echo "This needs root, and there is no sudo. As root: $*" >&2
		return 1
	fi
}

# Installs those of the packages that are missing, and says which.
need_packages() {
	local missing=() name
	if ! command -v dpkg-query >/dev/null; then
		echo "Not a Debian: these packages, or what they hold, are expected: $*" >&2
		return 0
	fi
	for name in "$@"; do
		case $(dpkg-query -W -f='${Status}' "$name" 2>/dev/null) in
		*' installed') ;;
		*) missing+=("$name") ;;
		esac
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "Installing with apt: ${missing[*]}" >&2
	# Only sshd's program is wanted: its package must not open port 22 of this machine.
	if [[ " ${missing[*]} " == *' openssh-server '* && -d /run/systemd/system ]]; then
		echo "ssh.service is masked so that it does not start (systemctl unmask ssh)" >&2
		as_root systemctl mask ssh.service >&2 || true
	fi
	mkdir -p build
	: >build/packages.log
	as_root sh -c 'exec >>"$1" 2>&1 </dev/null && shift && export DEBIAN_FRONTEND=noninteractive &&
		apt-get -q update && apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 \
			install -y --no-install-recommends "$@"' sh "$PWD/build/packages.log" \
		"${missing[@]}" || {
		tail -n 20 build/packages.log >&2
		echo "apt could not install: ${missing[*]}; all of it is in build/packages.log" >&2
		return 1
	}
}

# Configures and builds one preset, quietly unless it fails: build PRESET [cmake's arguments].
build_preset() {
	local preset=$1 log
	shift
	mkdir -p build
	log=build/$preset.log
	! command -v ccache >/dev/null || set -- "$@" -DCMAKE_C_COMPILER_LAUNCHER=ccache
	if ! { cmake --preset "$preset" "$@" && cmake --build --preset "$preset"; } >"$log" 2>&1; then
		tail -n 60 "$log" >&2
		echo "the $preset build failed; all of it is in $log" >&2
		return 1
	fi
}
