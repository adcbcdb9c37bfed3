package vmplumb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/internal/livetest"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

func dial(t *testing.T, target string, options vmplumb.Options) *vmplumb.Client {
	t.Helper()
	client, err := vmplumb.Dial(target, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func agent(t *testing.T) *vmplumb.Client {
	t.Helper()
	return dial(t, "unix://"+livetest.Get(t, "UNIX"), vmplumb.Options{})
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

type ended struct {
	result *vmplumbv1.SetupResult
	err    error
}

// begun sets up in the background. Each event's sequence number comes over `told`, which must be read.
func begun(ctx context.Context, client *vmplumb.Client, request *vmplumbv1.SetupNetworkRequest) (chan uint64, chan ended) {
	told, end := make(chan uint64, 1000), make(chan ended, 1)
	go func() {
		result, err := client.SetUp(ctx, request, func(event *vmplumbv1.SetupNetworkResponse) {
			told <- event.Sequence
		})
		close(told)
		end <- ended{result, err}
	}()
	return told, end
}

func TestANetworkIsMadeAndTakenBack(t *testing.T) {
	client := agent(t)
	for _, network := range []string{"quick", "bridged"} {
		vmID := "go-" + network
		gone(t, client, vmID)
		var steps []vmplumbv1.Step
		result, err := client.SetUp(livetest.Patient(t), vmplumb.CNI(vmID, network), func(one *vmplumbv1.SetupNetworkResponse) {
			steps = append(steps, one.GetProgress().Step)
		})
		if err != nil {
			t.Fatal(err)
		}
		got := result.Interfaces[0].StaticConfiguration
		if got.HostDevName == "" || got.MacAddress == "" || !strings.HasPrefix(result.IpBootParam, "10.20") {
			t.Errorf("not what Firecracker needs: %v", result)
		}
		if _, err := os.Stat(result.NetnsPath); err != nil {
			t.Error(err)
		}
		again, err := client.SetUp(livetest.Patient(t), vmplumb.CNI(vmID, network), nil)
		if err != nil || !proto.Equal(again, result) {
			t.Errorf("the same request had another answer: %v, %v", again, err)
		}
		done, err := client.TearDown(livetest.Patient(t), &vmplumbv1.TeardownNetworkRequest{VmId: vmID}, nil)
		if err != nil || !done.Existed {
			t.Errorf("existed %v, %v", done.GetExisted(), err)
		}
		_, err = client.GetNetwork(livetest.Patient(t), &vmplumbv1.GetNetworkRequest{VmId: vmID})
		if !errors.Is(err, reason.VMNotFound) {
			t.Errorf("still there: %v", err)
		}
	}
}

func TestABrokenStreamIsAttachedAgainAndNoEventIsToldTwice(t *testing.T) {
	// `await` events must have come before the last message may: then the cut falls into the set-up.
	for _, one := range []struct {
		place       string
		await, cuts int
	}{
		{"bytes=1", 0, 1},
		{"bytes=100", 0, 1},
		{"messages=0", 0, 1},
		{"messages=1", 1, 1},
		{"messages=3", 3, 1},
		{"messages=1", 2, 2},
		{"messages=0", 0, 4},
	} {
		t.Run(fmt.Sprintf("%s times %d", one.place, one.cuts), func(t *testing.T) {
			relay := livetest.Order(t, fmt.Sprintf("RELAY times=%d %s", one.cuts, one.place))
			client := dial(t, "unix://"+relay, vmplumb.Options{Retry: vmplumb.Retry{Attempts: 10, First: time.Millisecond}})
			vmID := "go-cut"
			gone(t, agent(t), vmID)
			told, end := begun(livetest.Patient(t), client, vmplumb.CNI(vmID, "slow"))
			livetest.Order(t, "WAIT "+vmID)
			last, count := uint64(0), 0
			next := func() bool {
				sequence, open := <-told
				if open && sequence <= last {
					t.Errorf("event %d after %d", sequence, last)
				}
				last = max(last, sequence)
				count++
				return open
			}
			for count < one.await {
				if !next() {
					t.Fatalf("ended after %d events: %v", count, (<-end).err)
				}
			}
			livetest.Order(t, "OPEN "+vmID)
			for next() {
			}
			if got := <-end; got.err != nil || got.result.IpBootParam == "" {
				t.Fatalf("%v, %v", got.result, got.err)
			}
			if seen := livetest.Order(t, "SEEN "+relay); seen != fmt.Sprintf("connections=%d cuts=%d", one.cuts+1, one.cuts) {
				t.Error(seen)
			}
		})
	}
}

func TestATeardownIsFollowedOverABrokenStream(t *testing.T) {
	client := agent(t)
	gone(t, client, "go-cut-down")
	if _, err := client.SetUp(livetest.Patient(t), vmplumb.CNI("go-cut-down", "quick"), nil); err != nil {
		t.Fatal(err)
	}
	relay := livetest.Order(t, "RELAY times=1 messages=0")
	cut := dial(t, "unix://"+relay, vmplumb.Options{})
	request := &vmplumbv1.TeardownNetworkRequest{VmId: "go-cut-down", WaitForDevices: true}
	// What was cut was the teardown's own first event or its end: the same call says so or finds nothing more.
	if _, err := cut.TearDown(livetest.Patient(t), request, nil); err != nil {
		t.Fatal(err)
	}
	_, err := client.GetNetwork(livetest.Patient(t), &vmplumbv1.GetNetworkRequest{VmId: "go-cut-down"})
	if !errors.Is(err, reason.VMNotFound) {
		t.Errorf("still there: %v", err)
	}
}

func TestAContextEndsTheCallAndNotTheOperation(t *testing.T) {
	client := agent(t)
	for _, one := range []struct {
		name  string
		limit func(context.Context) (context.Context, context.CancelFunc)
		want  error
	}{
		{"cancel", context.WithCancel, context.Canceled},
		{"deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 50*time.Millisecond)
		}, context.DeadlineExceeded},
	} {
		t.Run(one.name, func(t *testing.T) {
			vmID := "go-" + one.name
			gone(t, client, vmID)
			// First begun by another call: a deadline may otherwise run out before anything began.
			_, other := begun(livetest.Patient(t), client, vmplumb.CNI(vmID, "slow"))
			livetest.Order(t, "WAIT "+vmID)
			ctx, cancel := one.limit(livetest.Patient(t))
			defer cancel()
			_, end := begun(ctx, client, vmplumb.CNI(vmID, "slow"))
			if one.name == "cancel" {
				cancel()
			}
			got := <-end
			if !errors.Is(got.err, one.want) || errors.Is(got.err, vmplumb.ErrUnreachable) {
				t.Errorf("%v is not %v", got.err, one.want)
			}
			livetest.Order(t, "OPEN "+vmID)
			attached, err := client.SetUp(livetest.Patient(t), vmplumb.CNI(vmID, "slow"), nil)
			if err != nil || attached.IpBootParam == "" {
				t.Errorf("did not go on: %v, %v", attached, err)
			}
			if first := <-other; first.err != nil || !proto.Equal(first.result, attached) {
				t.Errorf("two answers: %v, %v", first, attached)
			}
		})
	}
}

func TestARunningSetUpIsEndedByATeardownAlone(t *testing.T) {
	client := agent(t)
	gone(t, client, "go-torn")
	_, end := begun(livetest.Patient(t), client, vmplumb.CNI("go-torn", "slow"))
	livetest.Order(t, "WAIT go-torn")
	if _, err := client.TearDown(livetest.Patient(t), &vmplumbv1.TeardownNetworkRequest{VmId: "go-torn"}, nil); err != nil {
		t.Error(err)
	}
	if got := <-end; !errors.Is(got.err, reason.TornDown) {
		t.Error(got.err)
	}
}

func TestEachRefusalOfTheAgentHasItsReason(t *testing.T) {
	client := agent(t)
	gone(t, client, "go-first")
	if _, err := client.SetUp(livetest.Patient(t), vmplumb.CNI("go-first", "small"), nil); err != nil {
		t.Fatal(err)
	}
	changed := func(vmID, network string, change func(*vmplumbv1.SetupNetworkRequest)) *vmplumbv1.SetupNetworkRequest {
		request := vmplumb.CNI(vmID, network)
		change(request)
		return request
	}
	cni := func(request *vmplumbv1.SetupNetworkRequest) *vmplumbv1.CNIConfiguration {
		return request.Spec.NetworkInterfaces.Interfaces[0].CniConfiguration
	}
	for _, one := range []struct {
		request *vmplumbv1.SetupNetworkRequest
		want    reason.Reason
		code    codes.Code
	}{
		{vmplumb.CNI("-", "quick"), reason.InvalidRequest, codes.InvalidArgument},
		{vmplumb.CNI("go-r", "nowhere"), reason.CNINetworkNotFound, codes.FailedPrecondition},
		{vmplumb.CNI("go-r", "missing"), reason.CNIPluginUnavailable, codes.FailedPrecondition},
		{vmplumb.CNI("go-r", "small"), reason.AddressesExhausted, codes.ResourceExhausted},
		{vmplumb.CNI("go-r", "broken"), reason.CNIAddFailed, codes.Internal},
		{vmplumb.CNI("go-r", "busy"), reason.CNITryAgainLater, codes.Unavailable},
		{vmplumb.CNI("go-r", "tapless"), reason.CNIResultUnusable, codes.Internal},
		{vmplumb.CNI("go-first", "quick"), reason.SpecConflict, codes.AlreadyExists},
		{changed("go-r", "slow", func(r *vmplumbv1.SetupNetworkRequest) {
			r.OperationTimeout = durationpb.New(50 * time.Millisecond)
		}), reason.OperationTimeout, codes.DeadlineExceeded},
		{changed("go-r", "quick", func(r *vmplumbv1.SetupNetworkRequest) {
			cni(r).ConfDir = "/etc"
		}), reason.PathNotAllowed, codes.PermissionDenied},
		{changed("go-r", "quick", func(r *vmplumbv1.SetupNetworkRequest) {
			r.Spec.NetnsPath = "/run/netns/"
		}), reason.InvalidRequest, codes.InvalidArgument},
		{changed("go-r", "", func(r *vmplumbv1.SetupNetworkRequest) {
			cni(r).NetworkConfig = &vmplumbv1.NetworkConfigList{Json: []byte("{}")}
		}), reason.ConfigListMismatch, codes.InvalidArgument},
		{changed("go-r", "quick", func(r *vmplumbv1.SetupNetworkRequest) {
			r.ProtoReflect().SetUnknown([]byte{0xf8, 0x7f, 0x01})
		}), reason.UnknownField, codes.InvalidArgument},
	} {
		t.Run(string(one.want), func(t *testing.T) {
			gone(t, client, "go-r")
			_, err := client.SetUp(livetest.Patient(t), one.request, nil)
			var refused *vmplumb.Error
			if !errors.As(err, &refused) || !errors.Is(err, one.want) || refused.Code != one.code {
				t.Fatalf("%v is not %s with %s", err, one.want, one.code)
			}
			if refused.Failure == nil || refused.Failure.Message == "" {
				t.Errorf("no failure in %+v", refused)
			}
			mend := one.code == codes.InvalidArgument || one.code == codes.PermissionDenied
			if len(refused.Violations) > 0 != mend {
				t.Errorf("violations %v", refused.Violations)
			}
			if one.want != reason.InvalidRequest && refused.VMID != one.request.VmId {
				t.Errorf("about %q", refused.VMID)
			}
			switch one.want {
			case reason.CNITryAgainLater:
				if refused.RetryAfter <= 0 || !refused.Retryable() {
					t.Errorf("no hint when to try again: %+v", refused)
				}
			case reason.CNIAddFailed:
				if got := refused.Failure.CniError; got.GetCode() != 100 || got.GetMsg() != "the switch is full" {
					t.Errorf("the plugin's error is %v", got)
				}
			}
		})
	}
}

func TestWhatADelRefusesStaysAndIsTriedAgain(t *testing.T) {
	client := agent(t)
	if _, err := client.SetUp(livetest.Patient(t), vmplumb.CNI("go-stubborn", "stubborn"), nil); err != nil {
		t.Fatal(err)
	}
	request := &vmplumbv1.TeardownNetworkRequest{VmId: "go-stubborn", Uid: "another"}
	if _, err := client.TearDown(livetest.Patient(t), request, nil); !errors.Is(err, reason.UIDMismatch) {
		t.Error(err)
	}
	request.Uid = ""
	if _, err := client.TearDown(livetest.Patient(t), request, nil); !errors.Is(err, reason.CNIDelFailed) {
		t.Error(err)
	}
	_, err := client.CheckNetwork(livetest.Patient(t), &vmplumbv1.CheckNetworkRequest{VmId: "go-stubborn"})
	if !errors.Is(err, reason.WrongPhase) {
		t.Error(err)
	}
	if done, err := client.TearDown(livetest.Patient(t), request, nil); err != nil || !done.Existed {
		t.Errorf("%v, %v", done, err)
	}
}

func TestAskingIsNotDoing(t *testing.T) {
	client := agent(t)
	request := vmplumb.CNI("go-asked", "quick")
	request.ValidateOnly = true
	if result, err := client.SetUp(livetest.Patient(t), request, nil); result != nil || err != nil {
		t.Errorf("%v, %v", result, err)
	}
	request.Spec.NetworkInterfaces.Interfaces[0].CniConfiguration.NetworkName = "nowhere"
	if _, err := client.SetUp(livetest.Patient(t), request, nil); !errors.Is(err, reason.CNINetworkNotFound) {
		t.Error(err)
	}
	if _, err := client.GetNetwork(livetest.Patient(t), &vmplumbv1.GetNetworkRequest{VmId: "go-asked"}); !errors.Is(err, reason.VMNotFound) {
		t.Error(err)
	}
}

func TestTCPTakesACertificateOfOursAlone(t *testing.T) {
	address := livetest.Get(t, "TLS")
	if _, err := vmplumb.Dial(address, vmplumb.Options{}); err == nil {
		t.Error("TCP without TLS")
	}
	for _, one := range []struct {
		cert, key string
		want      error
	}{
		{"CERT", "KEY", nil},
		{"STRANGER_CERT", "STRANGER_KEY", vmplumb.ErrUnreachable},
	} {
		config, err := vmplumb.TLSFiles(livetest.Get(t, "CA"), livetest.Get(t, one.cert), livetest.Get(t, one.key))
		if err != nil {
			t.Fatal(err)
		}
		client := dial(t, address, vmplumb.Options{TLS: config, Retry: vmplumb.Retry{Attempts: 1}})
		vmID := "go-tls"
		result, err := client.SetUp(livetest.Patient(t), vmplumb.CNI(vmID, "quick"), nil)
		if !errors.Is(err, one.want) || (err == nil) != (result != nil) {
			t.Errorf("%s: %v, %v", one.cert, result, err)
		}
	}
	gone(t, agent(t), "go-tls")
	for _, files := range [][3]string{{"nowhere", "", ""}, {livetest.Get(t, "KEY"), "", ""}, {livetest.Get(t, "CA"), livetest.Get(t, "CERT"), "nowhere"}} {
		if _, err := vmplumb.TLSFiles(files[0], files[1], files[2]); err == nil {
			t.Errorf("%v was read", files)
		}
	}
}

func TestATenantIsToldWhatItMayNot(t *testing.T) {
	config, err := vmplumb.TLSFiles(livetest.Get(t, "CA"), livetest.Get(t, "TENANT_CERT"), livetest.Get(t, "TENANT_KEY"))
	if err != nil {
		t.Fatal(err)
	}
	tenant := dial(t, livetest.Get(t, "TLS"), vmplumb.Options{TLS: config})
	others := agent(t)
	gone(t, others, "go-others")
	if _, err := others.SetUp(livetest.Patient(t), vmplumb.CNI("go-others", "quick"), nil); err != nil {
		t.Fatal(err)
	}
	gone(t, tenant, "go-own")
	if _, err := tenant.SetUp(livetest.Patient(t), vmplumb.CNI("go-own", "quick"), nil); err != nil {
		t.Fatal(err)
	}
	_, another := tenant.SetUp(livetest.Patient(t), vmplumb.CNI("go-second", "quick"), nil)
	_, elsewhere := tenant.SetUp(livetest.Patient(t), vmplumb.CNI("go-second", "bridged"), nil)
	_, taken := tenant.SetUp(livetest.Patient(t), vmplumb.CNI("go-others", "quick"), nil)
	_, unseen := tenant.GetNetwork(livetest.Patient(t), &vmplumbv1.GetNetworkRequest{VmId: "go-others"})
	for want, err := range map[reason.Reason]error{
		reason.LimitExceeded: another, reason.AccessDenied: elsewhere, reason.SpecConflict: taken, reason.VMNotFound: unseen,
	} {
		if !errors.Is(err, want) {
			t.Errorf("%v is not %s", err, want)
		}
	}
	var refused *vmplumb.Error
	if !errors.As(another, &refused) || refused.Metadata["limit"] != "policy.max_networks" {
		t.Errorf("which limit? %+v", refused)
	}
	done, err := tenant.TearDown(livetest.Patient(t), &vmplumbv1.TeardownNetworkRequest{VmId: "go-others"}, nil)
	if err != nil || done.Existed {
		t.Errorf("another's network: %v, %v", done, err)
	}
}

func TestNobodyThereIsAnErrorOfItsOwnAfterSomeTries(t *testing.T) {
	client := dial(t, "unix:///nowhere/agent.sock", vmplumb.Options{Retry: vmplumb.Retry{Attempts: 3, First: time.Millisecond}})
	_, err := client.SetUp(livetest.Patient(t), vmplumb.CNI("vm-1", "quick"), nil)
	var refused *vmplumb.Error
	if !errors.Is(err, vmplumb.ErrUnreachable) || !errors.As(err, &refused) || !refused.Retryable() {
		t.Error(err)
	}
	slow := dial(t, "unix:///nowhere/agent.sock", vmplumb.Options{Retry: vmplumb.Retry{First: time.Hour, Most: time.Hour}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = slow.SetUp(ctx, vmplumb.CNI("vm-1", "quick"), nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a context that ends between two tries: %v", err)
	}
}

func TestAWatchIsResumedWithoutAGapOrARepetition(t *testing.T) {
	client := agent(t)
	gone(t, client, "go-seen")
	if _, err := client.SetUp(livetest.Patient(t), vmplumb.CNI("go-seen", "quick"), nil); err != nil {
		t.Fatal(err)
	}
	gone(t, client, "go-changed")
	for _, place := range []string{"messages=0", "messages=1", "messages=2", "messages=3", "messages=5", "bytes=200"} {
		t.Run(place, func(t *testing.T) {
			relay := livetest.Order(t, "RELAY times=2 "+place)
			watching := dial(t, "unix://"+relay, vmplumb.Options{Retry: vmplumb.Retry{First: time.Millisecond}})
			request := &vmplumbv1.WatchNetworksRequest{VmIds: []string{"go-seen", "go-changed"}}
			var phases []vmplumbv1.Phase
			revisions := map[string]uint64{}
			signs := 0
			// The event of a teardown comes before its end, and until then the VM's next set-up is refused.
			var changed sync.WaitGroup
			defer changed.Wait()
			for change, err := range watching.Watch(livetest.Patient(t), request) {
				if err != nil {
					t.Fatal(err)
				}
				if change.Network == nil {
					if signs++; signs > 1 {
						continue
					}
					// The snapshot is over: now something changes, to the end.
					if len(revisions) != 1 || revisions["go-seen"] == 0 {
						t.Errorf("the snapshot was %v", revisions)
					}
					changed.Go(func() {
						if _, err := client.SetUp(t.Context(), vmplumb.CNI("go-changed", "quick"), nil); err != nil {
							t.Error(err)
						}
						if _, err := client.TearDown(t.Context(), &vmplumbv1.TeardownNetworkRequest{VmId: "go-changed"}, nil); err != nil {
							t.Error(err)
						}
					})
					continue
				}
				if change.Network.Revision <= revisions[change.Network.VmId] {
					t.Errorf("%v again", change.Network)
				}
				revisions[change.Network.VmId] = change.Network.Revision
				if change.Network.VmId == "go-changed" {
					phases = append(phases, change.Network.Phase)
					if change.Network.Phase == vmplumbv1.Phase_PHASE_REMOVED {
						break
					}
				}
			}
			if len(phases) == 0 || phases[len(phases)-1] != vmplumbv1.Phase_PHASE_REMOVED {
				t.Errorf("phases %v", phases)
			}
		})
	}
}

func TestAWatchGoesOnOverARestartOfTheAgent(t *testing.T) {
	client := agent(t)
	gone(t, client, "go-over")
	watching := agent(t)
	var seen []vmplumbv1.Phase
	begun := false
	for change, err := range watching.Watch(livetest.Patient(t), &vmplumbv1.WatchNetworksRequest{VmIds: []string{"go-over"}}) {
		switch {
		case err != nil:
			t.Fatal(err)
		case change.Network == nil && !begun:
			begun = true
			livetest.Order(t, "RESTART")
			go client.SetUp(t.Context(), vmplumb.CNI("go-over", "quick"), nil)
		case change.Network != nil:
			seen = append(seen, change.Network.Phase)
		}
		if len(seen) > 0 && seen[len(seen)-1] == vmplumbv1.Phase_PHASE_READY {
			break
		}
	}
	if len(seen) == 0 {
		t.Error("nothing seen")
	}
}

func TestAPositionOfTheCallersOwnThatIsLostIsTold(t *testing.T) {
	client := agent(t)
	request := &vmplumbv1.WatchNetworksRequest{AfterRevision: proto.Uint64(1 << 60)}
	for _, err := range client.Watch(livetest.Patient(t), request) {
		if errors.Is(err, reason.ResumePositionLost) {
			return
		}
		t.Fatal(err)
	}
	t.Error("the watch ended without an error")
}
