// Package livetest is what the tests of every module know of the agent that tools/clients/live_agent.py put around them.
package livetest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// Get is what live_agent.py says of a name, as its own documentation lists them. Without it the test is skipped.
func Get(t *testing.T, name string) string {
	t.Helper()
	found := os.Getenv("VMPLUMB_TEST_" + name)
	if found == "" {
		t.Skipf("no %s of a live agent: run by make clients", name)
	}
	return found
}

// Patient is a context that ends only when something hangs.
func Patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// Order says one line to tools/clients/control.py and gives back the answer.
func Order(t *testing.T, line string) string {
	t.Helper()
	conn, err := net.Dial("unix", Get(t, "CONTROL"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, line)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(answer, "OK") {
		t.Fatalf("%s: %q, %v", line, answer, err)
	}
	return strings.TrimSpace(strings.TrimPrefix(answer, "OK"))
}

// ReadmeHas fails a test if README.md does not have the program as it is.
func ReadmeHas(t *testing.T, path string) {
	t.Helper()
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(program)+"```\n") {
		t.Errorf("README.md does not have %s as it is", path)
	}
}
