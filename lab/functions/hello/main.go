// Command hello is the smallest function: it reports where it ran.
package main

import (
	"fmt"
	"os"

	"github.com/nearcast/nearcast/lab/functions/handler"
)

func init() { handler.Register(hello) }

func main() { handler.Main() }

func hello(r handler.Request) handler.Reply {
	return handler.Text(200, fmt.Sprintf("%s served by %s\n", r.Host, os.Getenv("CLUSTER")))
}
