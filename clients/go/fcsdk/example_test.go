package fcsdk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmplumb/vmplumb/clients/go/internal/livetest"
)

func source(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("example", name, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

func TestAProgramChangesOneLine(t *testing.T) {
	before, after := source(t, "before"), source(t, "after")
	place := slices.IndexFunc(after, func(line string) bool { return strings.Contains(line, `clients/go/fcsdk"`) })
	if place < 0 {
		t.Fatal("no import")
	}
	after = slices.Delete(after, place, place+1) // the import that the line needs
	if len(before) != len(after) {
		t.Fatalf("%d lines before, %d after", len(before), len(after))
	}
	var changed []string
	for i := range before {
		if before[i] != after[i] {
			changed = append(changed, before[i], after[i])
		}
	}
	want := []string{
		"\tm, err := firecracker.NewMachine(ctx, cfg)",
		"\tm, err := firecracker.NewMachine(ctx, cfg, fcsdk.WithAgent(\"unix:///run/vmplumb/vmplumbd.sock\"))",
	}
	if !slices.Equal(changed, want) {
		t.Errorf("changed: %q", changed)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	diff := "```diff\n-" + want[0] + "\n+" + want[1] + "\n```\n"
	if !strings.Contains(string(readme), diff) {
		t.Errorf("README.md does not show\n%s", diff)
	}
}

func TestTheProgramRunsBeforeAndAfter(t *testing.T) {
	if err := os.MkdirAll("/run/vmplumb", 0o755); err != nil {
		t.Fatal(err)
	}
	socket := "/run/vmplumb/vmplumbd.sock"
	if err := os.Symlink(livetest.Get(t, "UNIX"), socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(socket) })
	standins(t)
	for _, name := range []string{"before", "after"} {
		folder := t.TempDir()
		kernel := filepath.Join(folder, "vmlinux")
		if err := os.WriteFile(kernel, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(livetest.Patient(t), "go", "run", "./example/"+name, "fc-program", filepath.Join(folder, "api.sock"), kernel,
			"quick", livetest.Get(t, "CONF_DIR"), livetest.Get(t, "CNI_BIN"))
		said, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, said)
		}
		want := `(?m)^tap tap0 in /var/run/netns/fc-program boots with .*\bip=10\.201\.\d+\.\d+::10\.201\.0\.1:255\.255\.0\.0:::off:::`
		if !regexp.MustCompile(want).Match(said) {
			t.Errorf("%s said %s", name, said)
		}
		absent(t, "fc-program")
	}
}
