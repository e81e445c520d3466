//go:build minimal

package main

import _ "github.com/nearcast/nearcast/internal/base/directives/minimal"
