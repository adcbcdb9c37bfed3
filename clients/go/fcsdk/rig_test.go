package fcsdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/firecracker-microvm/firecracker-go-sdk"
	"github.com/firecracker-microvm/firecracker-go-sdk/client/models"
	"github.com/sirupsen/logrus"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/internal/livetest"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

func target(t *testing.T) string {
	t.Helper()
	return "unix://" + livetest.Get(t, "UNIX")
}

func agent(t *testing.T) *vmplumb.Client {
	t.Helper()
	client, err := vmplumb.Dial(target(t), vmplumb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// standins builds the stand-in for Firecracker and the jailer once, and puts it on PATH.
func standins(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("../../../build/clients/go/standin")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(folder, "firecracker"), "./internal/standin").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	jailer := filepath.Join(folder, "jailer")
	if err := os.Symlink("firecracker", jailer); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	// The SDK's own patience is half a second for a request: a busy machine takes longer.
	t.Setenv("FIRECRACKER_GO_SDK_INIT_TIMEOUT_SECONDS", "60")
	t.Setenv("FIRECRACKER_GO_SDK_REQUEST_TIMEOUT_MILLISECONDS", "60000")
	return folder
}

// line is what the stand-in writes of a start or a request.
type line struct {
	Program, Netns, Method, Path, Body string
	Args                               []string
}

// vm is a machine of a test and what its stand-in was told.
type vm struct {
	*firecracker.Machine
	log string
}

func (v vm) lines(t *testing.T) (found []line) {
	t.Helper()
	text, err := os.ReadFile(v.log)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for each := range strings.Lines(string(text)) {
		var one line
		if err := json.Unmarshal([]byte(each), &one); err != nil {
			t.Fatal(err)
		}
		found = append(found, one)
	}
	return found
}

// told is the body of the request to that path.
func (v vm) told(t *testing.T, path string) string {
	t.Helper()
	for _, one := range v.lines(t) {
		if one.Path == path {
			return strings.TrimSpace(one.Body)
		}
	}
	return ""
}

// end stops the VMM and waits for the machine, its network included.
func (v vm) end(t *testing.T) {
	t.Helper()
	if err := v.StopVMM(); err != nil {
		t.Error(err)
	}
	if err := v.Wait(livetest.Patient(t)); err != nil {
		t.Errorf("the machine ended with %v", err)
	}
}

func config(t *testing.T, vmID, network string) firecracker.Config {
	t.Helper()
	folder := t.TempDir()
	kernel := filepath.Join(folder, "vmlinux")
	if err := os.WriteFile(kernel, []byte("no kernel"), 0o644); err != nil {
		t.Fatal(err)
	}
	return firecracker.Config{
		VMID:            vmID,
		SocketPath:      filepath.Join(folder, "api.sock"),
		KernelImagePath: kernel,
		KernelArgs:      "console=ttyS0 reboot=k",
		MachineCfg:      models.MachineConfiguration{VcpuCount: firecracker.Int64(1), MemSizeMib: firecracker.Int64(128)},
		ForwardSignals:  []os.Signal{},
		NetworkInterfaces: firecracker.NetworkInterfaces{{
			CNIConfiguration: &firecracker.CNIConfiguration{NetworkName: network, IfName: "eth0", ConfDir: livetest.Get(t, "CONF_DIR")},
		}},
	}
}

// machine is a Machine over the stand-in, with a log of its own.
func machine(t *testing.T, cfg firecracker.Config, options ...firecracker.Opt) vm {
	t.Helper()
	standins(t)
	made := vm{log: filepath.Join(t.TempDir(), "log")}
	t.Setenv("STANDIN_LOG", made.log) // taken over when the VMM is started
	quiet := logrus.New()
	quiet.SetOutput(testWriter{t})
	m, err := firecracker.NewMachine(context.WithoutCancel(t.Context()), cfg, append(options, firecracker.WithLogger(logrus.NewEntry(quiet)))...)
	if err != nil {
		t.Fatal(err)
	}
	made.Machine = m
	return made
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(text []byte) (int, error) {
	if w.t.Context().Err() == nil { // the SDK's goroutines may outlive the test
		w.t.Logf("%s", text)
	}
	return len(text), nil
}

// absent asserts that the agent knows nothing of the VM any more.
func absent(t *testing.T, vmID string) {
	t.Helper()
	_, err := agent(t).GetNetwork(livetest.Patient(t), &vmplumbv1.GetNetworkRequest{VmId: vmID})
	if !errors.Is(err, reason.VMNotFound) {
		t.Errorf("the network of %s is still there: %v", vmID, err)
	}
}

func netnsOf(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("net:[%d]", inode(info))
}
