package main

// direct reads its sockets as only Linux can.
import _ "github.com/nearcast/nearcast/plugin/direct"
