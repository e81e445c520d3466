// Command usermanager is a typical function: it takes a user over HTTP, computes, and stores the result
// in a service outside the federation.
package main

import (
	"os"

	"github.com/nearcast/nearcast/lab/functions/handler"
)

func init() {
	handler.Register(manager{store: os.Getenv("STORE_URL"), fetch: handler.Fetch}.answer)
}

func main() { handler.Main() }
