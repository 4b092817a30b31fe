# SPDX-License-Identifier: ISC
# fish completion for mirrord, which knows itself what may come next.
function __mirrord_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$current"
            case :hosts
                __fish_complete_user_at_hosts
            case ':command *'
                __fish_complete_subcommand --fcs-skip=(string replace ':command ' '' -- $line)
            case '*'
                echo $line
        end
    end
end
complete -c mirrord -f -a '(__mirrord_complete)'
