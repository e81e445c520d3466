// Command build compiles the functions into bin/functions, or the given directory.
package main

import (
	"context"
	"log"
	"os"

	"github.com/nearcast/nearcast/lab/functions"
)

func main() {
	log.SetFlags(0)
	dir := "bin/functions"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := functions.Build(context.Background(), dir, ""); err != nil {
		log.Fatal(err)
	}
}
