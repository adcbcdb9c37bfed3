package fleet_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestTheProgramOfTheReadmeRuns(t *testing.T) {
	program, err := os.ReadFile("example/main.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```go\n"+string(program)+"```\n") {
		t.Error("README.md does not have example/main.go as it is")
	}
	agents(t) // and so both are there
	said, err := exec.CommandContext(patient(t), "go", "run", "./example", order(t, "FLEET"), live(t, "CA"), live(t, "CERT"),
		live(t, "KEY"), network, live(t, "FLEET")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if !regexp.MustCompile(`^at [ab]: boot with ip=10\.21[01]\.0\.\d+::10\.21[01]\.0\.1:255\.255\.255\.0:`).Match(said) {
		t.Errorf("not where and what: %s", said)
	}
}
