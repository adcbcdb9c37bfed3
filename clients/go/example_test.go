package vmplumb_test

import (
	"os/exec"
	"regexp"
	"testing"

	"github.com/vmplumb/vmplumb/clients/go/internal/livetest"
)

func TestTheProgramOfTheReadmeRuns(t *testing.T) {
	livetest.ReadmeHas(t, "example/main.go")
	said, err := exec.CommandContext(livetest.Patient(t), "go", "run", "./example", "unix://"+livetest.Get(t, "UNIX"), "quick").CombinedOutput()
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
