void server_placeholder(void); void server_placeholder(void){}
