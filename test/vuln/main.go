// Command vuln looks for known vulnerabilities that the programs and functions call,
// with the version of govulncheck that the Makefile names.
//
// Its database is vuln.go.dev, or where that cannot be reached the one of the module
// golang.org/x/vulndb, which Go's module proxy has: the same reports, some days older.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	online = "https://vuln.go.dev"
	module = "golang.org/x/vulndb"
)

// answerTimeout is for one answer of a database that may be out of reach.
const answerTimeout = 20 * time.Second

// shipped are the packages that images are made of.
var shipped = []string{"./cmd/...", "./lab/functions/..."}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: vuln GOVULNCHECK-VERSION")
		os.Exit(2)
	}
	if err := scan(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "vuln:", err)
		os.Exit(1)
	}
}

// scan fails where a vulnerability is called, and where nothing could be scanned says so
// and does not.
func scan(ctx context.Context, version string) error {
	database, err := find(ctx)
	if err != nil {
		fmt.Println("SKIPPED: no database of vulnerabilities can be reached:", err)
		return nil
	}
	fmt.Println("database:", database)
	args := append([]string{"run", "golang.org/x/vuln/cmd/govulncheck@" + version, "-format", "json", "-db", database}, shipped...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	found, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("govulncheck: %w", err)
	}
	return judge(bytes.NewReader(found), os.Stdout)
}

// find returns the URL of a database, in the form that govulncheck takes.
func find(ctx context.Context) (string, error) {
	reached := reach(ctx, online+"/index/db.json")
	if reached == nil {
		return online, nil
	}
	dir, err := download(ctx)
	if err != nil {
		return "", errors.Join(reached, err)
	}
	return "file://" + filepath.Join(dir, "data/osv"), nil
}

func reach(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

// download returns the folder of the database's newest module.
func download(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "mod", "download", "-json", module+"@latest").Output()
	var got struct{ Dir, Version, Error string }
	if json.Unmarshal(out, &got) == nil && got.Error != "" {
		return "", errors.New(got.Error)
	}
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w", module, err)
	}
	fmt.Printf("%s cannot be reached; %s %s instead\n", online, module, got.Version)
	return got.Dir, nil
}
