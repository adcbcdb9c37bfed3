package fcsdk_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/firecracker-microvm/firecracker-go-sdk"
	"github.com/firecracker-microvm/firecracker-go-sdk/client/models"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/fcsdk"
	"github.com/vmplumb/vmplumb/clients/go/internal/livetest"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

func inode(info os.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

func TestAVMHasItsNetworkFromItsStartToItsEnd(t *testing.T) {
	m := machine(t, config(t, "fc-life", "quick"), fcsdk.WithAgent(target(t)))
	if err := m.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	record, err := agent(t).GetNetwork(livetest.Patient(t), &vmplumbv1.GetNetworkRequest{VmId: "fc-life"})
	if err != nil {
		t.Fatal(err)
	}
	result := record.Network.Result
	made, err := fcsdk.StaticConfiguration(result.Interfaces[0].StaticConfiguration)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Cfg.NetworkInterfaces[0].StaticConfiguration; got.HostDevName != made.HostDevName || got.IPConfiguration == nil {
		t.Errorf("configured %+v of %+v", got, made)
	}
	// The stand-in has opened the tap: it was in the namespace when it was started.
	if got, want := m.lines(t)[0].Netns, netnsOf(t, result.NetnsPath); got != want {
		t.Errorf("the VMM is in %s, the network in %s", got, want)
	}
	if got := m.told(t, "/network-interfaces/1"); !sameJSON(t, got, string(result.Interfaces[0].FirecrackerInterface.Json)) {
		t.Errorf("Firecracker was told %s, the agent says %s", got, result.Interfaces[0].FirecrackerInterface.Json)
	}
	if got := m.told(t, "/boot-source"); !strings.Contains(got, "ip="+result.IpBootParam) {
		t.Errorf("booted with %s, not with ip=%s", got, result.IpBootParam)
	}
	m.end(t)
	absent(t, "fc-life") // already when Wait returns
}

func TestAJailerIsToldTheNamespaceInTime(t *testing.T) {
	for _, one := range []struct{ name, netns string }{
		{"chosen", ""}, // the SDK chooses the namespace after it has made the jailer's command
		{"named", "/var/run/netns/fc-named"},
	} {
		t.Run(one.name, func(t *testing.T) {
			cfg := config(t, "fc-jailed", "quick")
			folder := filepath.Dir(cfg.KernelImagePath)
			drive := filepath.Join(folder, "root.img")
			if err := os.WriteFile(drive, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			cfg.Drives = []models.Drive{{DriveID: firecracker.String("root"), PathOnHost: &drive,
				IsRootDevice: firecracker.Bool(true), IsReadOnly: firecracker.Bool(true)}}
			cfg.NetNS = one.netns
			cfg.SocketPath = "api.sock"
			cfg.JailerCfg = &firecracker.JailerConfig{
				ID: "fc-jailed", UID: firecracker.Int(0), GID: firecracker.Int(0), NumaNode: firecracker.Int(0),
				ExecFile: filepath.Join(standins(t), "firecracker"), JailerBinary: "jailer", ChrootBaseDir: filepath.Join(folder, "jail"),
				ChrootStrategy: firecracker.NewNaiveChrootStrategy(cfg.KernelImagePath),
			}
			m := machine(t, cfg, fcsdk.WithAgent(target(t)))
			if err := m.Start(context.WithoutCancel(t.Context())); err != nil {
				t.Fatal(err)
			}
			jailer, vmm := m.lines(t)[0], m.lines(t)[1]
			place := slices.Index(jailer.Args, "--netns")
			if place < 0 || jailer.Args[place+1] != m.Cfg.NetNS || place > slices.Index(jailer.Args, "--") {
				t.Errorf("the jailer was called with %q", jailer.Args)
			}
			if got := strings.Count(strings.Join(jailer.Args, " "), "--netns"); got != 1 {
				t.Errorf("%d times --netns", got)
			}
			if one.netns != "" && filepath.Base(m.Cfg.NetNS) != "fc-named" {
				t.Errorf("in %s", m.Cfg.NetNS)
			}
			if got, want := vmm.Netns, netnsOf(t, m.Cfg.NetNS); got != want {
				t.Errorf("the VMM is in %s, the network in %s", got, want)
			}
			m.end(t)
			absent(t, "fc-jailed")
		})
	}
}

func TestAStartThatFailsLeavesNothing(t *testing.T) {
	after := errors.New("a handler after it")
	for _, one := range []struct {
		name, network string
		spoil         func(*vm)
		want          error
	}{
		{"in a later handler, before the VMM", "quick", func(m *vm) {
			m.Handlers.FcInit = m.Handlers.FcInit.Swap(firecracker.Handler{
				Name: firecracker.SetupKernelArgsHandlerName,
				Fn:   func(context.Context, *firecracker.Machine) error { return after },
			})
		}, after},
		{"in a later handler, after the VMM", "quick", func(m *vm) {
			m.Handlers.FcInit = m.Handlers.FcInit.Append(firecracker.Handler{
				Name: "last",
				Fn: func(_ context.Context, m *firecracker.Machine) error {
					return errors.Join(after, m.StopVMM())
				},
			})
		}, after},
		{"in the agent", "tapless", func(*vm) {}, reason.CNIResultUnusable},
		{"before anything is done", "nowhere", func(*vm) {}, reason.CNINetworkNotFound},
		{"for good", "broken", func(*vm) {}, reason.CNIAddFailed},
	} {
		t.Run(one.name, func(t *testing.T) {
			m := machine(t, config(t, "fc-fails", one.network), fcsdk.WithAgent(target(t)))
			one.spoil(&m)
			if err := m.Start(context.WithoutCancel(t.Context())); !errors.Is(err, one.want) {
				t.Errorf("%v is not %v", err, one.want)
			}
			absent(t, "fc-fails")
			if _, err := m.PID(); err == nil {
				m.Wait(livetest.Patient(t))
			}
		})
	}
}

func TestAContextThatEndsDuringTheSetUpLeavesNothing(t *testing.T) {
	m := machine(t, config(t, "fc-cancel", "slow"), fcsdk.WithAgent(target(t)))
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() { end <- m.Start(ctx) }()
	livetest.Order(t, "WAIT fc-cancel")
	cancel()
	if err := <-end; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	absent(t, "fc-cancel")
}

func TestAVMThatRunsIsNotDisturbedByAnotherOfItsName(t *testing.T) {
	first := machine(t, config(t, "fc-twice", "quick"), fcsdk.WithAgent(target(t)))
	if err := first.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"quick", "bridged"} {
		second := machine(t, config(t, "fc-twice", network), fcsdk.WithAgent(target(t)))
		if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "the VM runs: process") {
			t.Errorf("the second started: %v", err)
		}
	}
	check, err := agent(t).CheckNetwork(livetest.Patient(t), &vmplumbv1.CheckNetworkRequest{VmId: "fc-twice"})
	if err != nil || len(check.Findings) > 0 {
		t.Errorf("the first one's network: %v, %v", check, err)
	}
	first.end(t)
	absent(t, "fc-twice")
}

func TestWhatACrashedProgramLeftIsTakenAwayFirst(t *testing.T) {
	client := agent(t)
	if _, err := client.SetUp(livetest.Patient(t), vmplumb.CNI("fc-again", "bridged"), nil); err != nil {
		t.Fatal(err)
	}
	m := machine(t, config(t, "fc-again", "quick"))
	m.Handlers.FcInit = m.Handlers.FcInit.Swap(fcsdk.SetupNetworkHandler(client))
	if err := m.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got := m.Cfg.NetworkInterfaces[0].StaticConfiguration.IPConfiguration.IPAddr.String(); !strings.HasPrefix(got, "10.201.") {
		t.Errorf("the address is of the former life: %s", got)
	}
	m.end(t)
	absent(t, "fc-again")
}

func TestASnapshotIsLoadedOntoANetworkOfTheAgent(t *testing.T) {
	cfg := config(t, "fc-snapshot", "quick")
	memory, state := cfg.KernelImagePath+".mem", cfg.KernelImagePath+".snap"
	for _, path := range []string{memory, state} {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := machine(t, cfg, firecracker.WithSnapshot(memory, state), fcsdk.WithAgent(target(t)))
	if err := m.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if m.told(t, "/snapshot/load") == "" || m.Cfg.NetworkInterfaces[0].StaticConfiguration == nil {
		t.Errorf("not loaded: %v", m.lines(t))
	}
	if got, want := m.lines(t)[0].Netns, netnsOf(t, m.Cfg.NetNS); got != want {
		t.Errorf("the VMM is in %s, the network in %s", got, want)
	}
	m.end(t)
	absent(t, "fc-snapshot")
}

func TestAMachineWithoutCNINeedsNoAgent(t *testing.T) {
	cfg := config(t, "fc-bare", "quick")
	cfg.NetworkInterfaces = nil
	m := machine(t, cfg, fcsdk.WithAgent("unix:///nowhere/agent.sock"))
	if err := m.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	m.end(t)
}

func TestATargetThatCannotBeUsedIsAnErrorOfTheStart(t *testing.T) {
	m := machine(t, config(t, "fc-target", "quick"), fcsdk.WithAgent("host:1"))
	if err := m.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "TCP needs TLS") {
		t.Errorf("%v", err)
	}
}

func TestATeardownThatFailsIsToldByWait(t *testing.T) {
	m := machine(t, config(t, "fc-stubborn", "stubborn"), fcsdk.WithAgent(target(t)))
	if err := m.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := m.StopVMM(); err != nil {
		t.Fatal(err)
	}
	if err := m.Wait(livetest.Patient(t)); err == nil || !strings.Contains(err.Error(), "CNI_DEL_FAILED") {
		t.Errorf("%v", err)
	}
	if _, err := agent(t).TearDown(livetest.Patient(t), &vmplumbv1.TeardownNetworkRequest{VmId: "fc-stubborn"}, nil); err != nil {
		t.Error(err)
	}
}

// away is a socket before the agent's that hangs up on so many callers before it lets the next ones through.
type away struct {
	net.Listener
	left, refused atomic.Int64
}

func newAway(t *testing.T) *away {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "away.sock"))
	if err != nil {
		t.Fatal(err)
	}
	made := &away{Listener: listener}
	t.Cleanup(func() { listener.Close() })
	real := livetest.Get(t, "UNIX")
	go func() {
		for {
			caller, err := listener.Accept()
			if err != nil {
				return
			}
			agent, err := net.Dial("unix", real)
			if err != nil || made.left.Add(-1) >= 0 {
				made.refused.Add(1)
				caller.Close()
				continue
			}
			go func() { io.Copy(agent, caller); agent.Close() }()
			// While callers are refused, those who are connected already are cut off by what they say next.
			go func() {
				buffer := make([]byte, 1<<16)
				for {
					n, err := agent.Read(buffer)
					if err != nil || made.left.Load() > 0 {
						break
					}
					caller.Write(buffer[:n])
				}
				caller.Close()
			}()
		}
	}()
	return made
}

func TestATeardownWaitsForAnAgentThatIsAway(t *testing.T) {
	door := newAway(t)
	impatient := vmplumb.Options{Retry: vmplumb.Retry{Attempts: 1}}
	m := machine(t, config(t, "fc-away", "quick"), fcsdk.WithAgent("unix://"+door.Addr().String(), impatient))
	if err := m.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	door.left.Store(3)
	m.end(t)
	if door.refused.Load() != 3 {
		t.Errorf("refused %d times", door.refused.Load())
	}
	absent(t, "fc-away")
}
