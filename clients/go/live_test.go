package vmplumb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// live names what tools/clients/live_agent.py put around this process.
func live(t *testing.T, name string) string {
	t.Helper()
	found := os.Getenv("VMPLUMB_TEST_" + name)
	if found == "" {
		t.Skip("no live agent: run by make clients")
	}
	return found
}

func dial(t *testing.T, socket string, choices ...vmplumb.Option) *vmplumb.Client {
	t.Helper()
	client, err := vmplumb.Dial("unix://"+socket, choices...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// patient is a context that ends only when something hangs.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// order says one line to the agent's surroundings and gives back the answer.
func order(t *testing.T, line string) string {
	t.Helper()
	conn, err := net.Dial("unix", live(t, "CONTROL"))
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

// gone tears a network down, devices included, when the test ends.
func gone(t *testing.T, client *vmplumb.Client, vmID string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		request := &vmplumbv1.TeardownNetworkRequest{VmId: vmID, WaitForDevices: true}
		if _, err := client.TearDown(ctx, request, nil); err != nil {
			t.Errorf("teardown of %s: %v", vmID, err)
		}
	})
}

func TestANetworkIsMadeAndTakenBack(t *testing.T) {
	client := dial(t, live(t, "UNIX"))
	gone(t, client, "go-quick")
	result, err := client.SetUp(patient(t), vmplumb.CNI("go-quick", "quick"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := result.Interfaces[0].StaticConfiguration
	if got.HostDevName == "" || got.MacAddress == "" || !strings.HasPrefix(result.IpBootParam, "10.201.") {
		t.Errorf("not what Firecracker needs: %v", result)
	}
	if _, err := os.Stat(result.NetnsPath); err != nil {
		t.Error(err)
	}
	done, err := client.TearDown(patient(t), &vmplumbv1.TeardownNetworkRequest{VmId: "go-quick"}, nil)
	if err != nil || !done.Existed {
		t.Errorf("existed %v, %v", done.GetExisted(), err)
	}
	_, err = client.GetNetwork(patient(t), &vmplumbv1.GetNetworkRequest{VmId: "go-quick"})
	if !errors.Is(err, vmplumb.ErrVMNotFound) {
		t.Errorf("still there: %v", err)
	}
}
