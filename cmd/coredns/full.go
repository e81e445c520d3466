//go:build !minimal

package main

import _ "github.com/coredns/coredns/core/plugin"
