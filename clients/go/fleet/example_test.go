package fleet_test

import (
	"os/exec"
	"regexp"
	"testing"

	"github.com/vmplumb/vmplumb/clients/go/internal/livetest"
)

func TestTheProgramOfTheReadmeRuns(t *testing.T) {
	livetest.ReadmeHas(t, "example/main.go")
	agents(t) // and so both are there
	said, err := exec.CommandContext(livetest.Patient(t), "go", "run", "./example", livetest.Order(t, "FLEET"), livetest.Get(t, "CA"), livetest.Get(t, "CERT"),
		livetest.Get(t, "KEY"), network, livetest.Get(t, "FLEET")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if !regexp.MustCompile(`^at [ab]: boot with ip=10\.21[01]\.0\.\d+::10\.21[01]\.0\.1:255\.255\.255\.0:`).Match(said) {
		t.Errorf("not where and what: %s", said)
	}
}
