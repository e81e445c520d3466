package main

// direct uses socket features that only Linux has.
import _ "github.com/nearcast/nearcast/plugin/direct"
