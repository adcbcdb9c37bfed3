package vmplumb_test

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
	said, err := exec.CommandContext(patient(t), "go", "run", "./example", "unix://"+live(t, "UNIX"), "quick").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for _, want := range []string{
		`PUT /network-interfaces/1 {"iface_id":"1","host_dev_name":"tap0","guest_mac":"[0-9a-f:]{17}"}`,
		`jailer --netns /\S+; boot with ip=10\.201\.\d+\.\d+::10\.201\.0\.1:255\.255\.0\.0:`,
		"existed: true\n$",
	} {
		if !regexp.MustCompile(want).Match(said) {
			t.Errorf("no %s in:\n%s", want, said)
		}
	}
}
