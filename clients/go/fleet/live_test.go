package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	vmplumb "github.com/vmplumb/vmplumb/clients/go"
	"github.com/vmplumb/vmplumb/clients/go/fleet"
	"github.com/vmplumb/vmplumb/clients/go/internal/livetest"
	"github.com/vmplumb/vmplumb/clients/go/reason"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// The fleet is the one of tools/clients/live_fleet.py: agents a and b, room for two networks each.
const network = "fleet"

func options(t *testing.T) fleet.Options {
	t.Helper()
	tls, err := vmplumb.TLSFiles(livetest.Get(t, "CA"), livetest.Get(t, "CERT"), livetest.Get(t, "KEY"))
	if err != nil {
		t.Fatal(err)
	}
	return fleet.Options{TLS: tls, Agents: vmplumb.Options{TLS: tls}, Prefix: livetest.Get(t, "FLEET")}
}

func dial(t *testing.T, options fleet.Options, endpoints ...string) *fleet.Fleet {
	t.Helper()
	made, err := fleet.Dial(endpoints, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { made.Close() })
	return made
}

func agents(t *testing.T) *fleet.Fleet {
	t.Helper()
	return dial(t, options(t), livetest.Order(t, "FLEET"))
}

// gone tears a network down, devices included, when the test ends.
func gone(t *testing.T, agents *fleet.Fleet, vmIDs ...string) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for _, vmID := range vmIDs {
			asked := &vmplumbv1.TeardownNetworkRequest{VmId: vmID, WaitForDevices: true}
			_, err := agents.TearDown(ctx, asked, nil)
			// A busy machine may keep an agent from running for longer than a client waits.
			for errors.Is(err, vmplumb.ErrUnreachable) && ctx.Err() == nil {
				_, err = agents.TearDown(ctx, asked, nil)
			}
			if err != nil {
				t.Errorf("teardown of %s: %v", vmID, err)
			}
		}
	})
}

func ids(agents []*vmplumbv1.FleetAgent) (found []string) {
	for _, one := range agents {
		found = append(found, one.Id)
	}
	return found
}

// at asserts where a set-up landed.
func at(t *testing.T, want string) func(*fleet.Placed, error) string {
	return func(placed *fleet.Placed, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if want != "" && placed.Agent.Id != want {
			t.Fatalf("placed at %s, not at %s", placed.Agent.Id, want)
		}
		return placed.Agent.Id
	}
}

// watched follows the fleet in the background, once it has told of both agents; the error is the watch's last.
func watched(ctx context.Context, agents *fleet.Fleet) (chan fleet.Change, chan error) {
	changes, ended := make(chan fleet.Change, 100), make(chan error, 1)
	go func() {
		for change, err := range agents.Watch(ctx) {
			if err != nil {
				ended <- err
				break
			}
			changes <- change
		}
		close(changes)
	}()
	for known := map[string]bool{}; !known["a"] || !known["b"]; {
		known[(<-changes).AgentID] = true
	}
	return changes, ended
}

// await passes over changes up to one that holds.
func await(changes chan fleet.Change, holds func(fleet.Change) bool) {
	for change := range changes {
		if holds(change) {
			return
		}
	}
}

func TestAgentsAreFoundByNetworkAndLabel(t *testing.T) {
	agents, ctx := agents(t), livetest.Patient(t)
	all, err := agents.Agents(ctx)
	if err != nil || !slices.Equal(ids(all), []string{"a", "b"}) {
		t.Fatalf("agents: %v, %v", ids(all), err)
	}
	if all[0].NetworksMax != 2 || all[0].ServerName != "a" || all[0].ContractVersion == "" {
		t.Errorf("not what it tells of itself: %v", all[0])
	}
	for _, one := range []struct {
		network string
		labels  fleet.Labels
		want    int
	}{
		{network, nil, 2}, {"", nil, 2}, {network, fleet.Labels{"zone": "b"}, 1}, {"other", nil, 0},
		{network, fleet.Labels{"zone": "c"}, 0},
	} {
		if found, err := agents.Find(ctx, one.network, one.labels); err != nil || len(found) != one.want {
			t.Errorf("find %v: %v, %v", one, ids(found), err)
		}
	}
}

func TestANetworkIsPlacedOnceAndFoundAgain(t *testing.T) {
	agents, ctx := agents(t), livetest.Patient(t)
	gone(t, agents, "go-once")
	placed, err := agents.SetUp(ctx, vmplumb.CNI("go-once", network), fleet.Labels{"zone": "b"}, nil)
	at(t, "b")(placed, err)
	if !strings.HasPrefix(placed.Result.IpBootParam, "10.211.0.") {
		t.Errorf("not what b gives: %v", placed.Result)
	}
	// The same call finds it, though another agent has more room; and so does Python's fleet.
	at(t, "b")(agents.SetUp(ctx, vmplumb.CNI("go-once", network), nil, nil))
	if told := livetest.Order(t, "PLACE go-once"); told != "b" {
		t.Errorf("another client places it at %s", told)
	}
	if where, err := agents.Where(ctx, "go-once"); err != nil || where != "b" {
		t.Errorf("where: %s, %v", where, err)
	}
	if all, err := agents.Placements(ctx); err != nil || len(all) != 1 || all["go-once"] != "b" {
		t.Errorf("placements: %v, %v", all, err)
	}
	asked := &vmplumbv1.TeardownNetworkRequest{VmId: "go-once", WaitForDevices: true}
	if result, err := agents.TearDown(ctx, asked, nil); err != nil || !result.Existed {
		t.Errorf("teardown: %v, %v", result, err)
	}
	if where, err := agents.Where(ctx, "go-once"); err != nil || where != "" {
		t.Errorf("where after it: %s, %v", where, err)
	}
	if result, err := agents.TearDown(ctx, asked, nil); err != nil || result != nil {
		t.Errorf("teardown of nothing: %v, %v", result, err)
	}
}

func TestAFullAgentIsLeftForTheNextAndAFullFleetSaysSo(t *testing.T) {
	agents, ctx := agents(t), livetest.Patient(t)
	held := map[string]int{}
	for number := range 4 {
		vmID := fmt.Sprintf("go-full-%d", number)
		gone(t, agents, vmID)
		held[at(t, "")(agents.SetUp(ctx, vmplumb.CNI(vmID, network), nil, nil))]++
	}
	if held["a"] != 2 || held["b"] != 2 {
		t.Errorf("not where there is room: %v", held)
	}
	_, err := agents.SetUp(ctx, vmplumb.CNI("go-full-4", network), nil, nil)
	var full *fleet.NoAgent
	if !errors.As(err, &full) || !slices.Equal(full.Wanted, []string{network}) {
		t.Fatalf("a full fleet: %v", err)
	}
	for id, answered := range full.Tried {
		if !errors.Is(answered, reason.TooManyNetworks) {
			t.Errorf("%s answered %v", id, answered)
		}
	}
	if where, err := agents.Where(ctx, "go-full-4"); err != nil || where != "" {
		t.Errorf("still placed at %s, %v", where, err)
	}
}

func TestCallersAtOnceInTwoLanguagesGetOneNetwork(t *testing.T) {
	mine, other := agents(t), agents(t)
	ctx := livetest.Patient(t)
	gone(t, mine, "go-race")
	var all sync.WaitGroup
	landed := make(chan string, 12)
	for number := range cap(landed) {
		all.Go(func() {
			if number%4 == 0 {
				landed <- livetest.Order(t, "PLACE go-race")
			} else {
				placed, err := []*fleet.Fleet{mine, other}[number%2].SetUp(ctx, vmplumb.CNI("go-race", network), nil, nil)
				if err != nil {
					landed <- err.Error()
				} else {
					landed <- placed.Agent.Id
				}
			}
		})
	}
	all.Wait()
	where, err := mine.Where(ctx, "go-race")
	if err != nil {
		t.Fatal(err)
	}
	for range cap(landed) {
		if one := <-landed; one != where {
			t.Errorf("%s, not %s", one, where)
		}
	}
	if strays, err := mine.Strays(ctx); err != nil || len(strays) != 0 {
		t.Errorf("made elsewhere too: %v, %v", strays, err)
	}
}

func TestAnAgentThatIsCordonedGetsNothingNew(t *testing.T) {
	agents, ctx := agents(t), livetest.Patient(t)
	livetest.Order(t, "CORDON a on")
	t.Cleanup(func() { livetest.Order(t, "CORDON a off") })
	if found, err := agents.Find(ctx, network, nil); err != nil || !slices.Equal(ids(found), []string{"b"}) {
		t.Errorf("find: %v, %v", ids(found), err)
	}
	_, err := agents.SetUp(ctx, vmplumb.CNI("go-cordon", network), fleet.Labels{"zone": "a"}, nil)
	if full := (*fleet.NoAgent)(nil); !errors.As(err, &full) {
		t.Errorf("placed at a cordoned host: %v", err)
	}
	gone(t, agents, "go-cordon")
	at(t, "b")(agents.SetUp(ctx, vmplumb.CNI("go-cordon", network), nil, nil))
}

func TestARefusalThatAnyAgentWouldGiveIsTheAgentsAndLeavesNoPlace(t *testing.T) {
	agents, ctx := agents(t), livetest.Patient(t)
	request := vmplumb.CNI("go-refused", network)
	request.Spec.NetworkInterfaces.Interfaces[0].CniConfiguration.IfName = "a/b"
	_, err := agents.SetUp(ctx, request, nil, nil)
	var refused *vmplumb.Error
	if !errors.As(err, &refused) || len(refused.Violations) == 0 {
		t.Errorf("a wrong name: %v", err)
	}
	// A conflict leaves what is there, and where.
	gone(t, agents, "go-conflict")
	here := at(t, "")(agents.SetUp(ctx, vmplumb.CNI("go-conflict", network), nil, nil))
	other := vmplumb.CNI("go-conflict", network)
	other.Spec.NetworkInterfaces.Interfaces[0].CniConfiguration.IfName = "eth7"
	if _, err := agents.SetUp(ctx, other, nil, nil); !errors.Is(err, reason.SpecConflict) {
		t.Errorf("another spec: %v", err)
	}
	if all, err := agents.Placements(ctx); err != nil || len(all) != 1 || all["go-conflict"] != here {
		t.Errorf("placements: %v, %v", all, err)
	}
	request.ValidateOnly = true
	if _, err := agents.SetUp(ctx, request, nil, nil); err == nil {
		t.Error("a request that only validates was placed")
	}
}

func TestALostHostIsWaitedForUntilItsLeaseEndsAndItsStrayIsFound(t *testing.T) {
	agents, ctx := agents(t), livetest.Patient(t)
	gone(t, agents, "go-lost")
	at(t, "a")(agents.SetUp(ctx, vmplumb.CNI("go-lost", network), fleet.Labels{"zone": "a"}, nil))
	watching, stop := context.WithCancel(ctx)
	defer stop()
	changes, ended := watched(watching, agents)
	livetest.Order(t, "KILL a")
	// Both agents live in one host here: the namespace of the lost network still has its name.
	again := vmplumb.CNI("go-lost", network)
	again.Spec.NetnsPath = filepath.Join("/run/netns", "go-lost-again")
	at(t, "b")(agents.SetUp(ctx, again, nil, nil))
	await(changes, func(one fleet.Change) bool { return one.AgentID == "a" && one.Agent == nil })
	livetest.Order(t, "START a")
	await(changes, func(one fleet.Change) bool { return one.AgentID == "a" && one.Agent != nil })
	strays, err := agents.Strays(ctx)
	if err != nil || len(strays) != 1 || strays[0].Agent.Id != "a" || strays[0].VMID != "go-lost" || strays[0].PlacedAt != "b" {
		t.Fatalf("strays: %v, %v", strays, err)
	}
	client, err := agents.Client(strays[0].Agent)
	if err != nil {
		t.Fatal(err)
	}
	asked := &vmplumbv1.TeardownNetworkRequest{VmId: "go-lost", Uid: strays[0].UID, WaitForDevices: true}
	if _, err := client.TearDown(ctx, asked, nil); err != nil {
		t.Fatal(err)
	}
	if strays, err := agents.Strays(ctx); err != nil || len(strays) != 0 {
		t.Errorf("strays after it: %v, %v", strays, err)
	}
	stop()
	for range changes { // the watch ends with its context
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ended with %v", err)
	}
}

func TestAHostThatFallsSilentIsLeftOnceItsLeaseHasEnded(t *testing.T) {
	agents, ctx := agents(t), livetest.Patient(t)
	gone(t, agents, "go-moved")
	var client *vmplumb.Client
	for _, vmID := range []string{"go-moved", "go-ended"} {
		placed, err := agents.SetUp(ctx, vmplumb.CNI(vmID, network), fleet.Labels{"zone": "a"}, nil)
		at(t, "a")(placed, err)
		if client, err = agents.Client(placed.Agent); err != nil {
			t.Fatal(err)
		}
	}
	livetest.Order(t, "PAUSE a")
	t.Cleanup(func() { // what the fleet has left there
		livetest.Order(t, "RESUME a")
		for _, vmID := range []string{"go-moved", "go-ended"} {
			asked := &vmplumbv1.TeardownNetworkRequest{VmId: vmID, WaitForDevices: true}
			if _, err := client.TearDown(context.Background(), asked, nil); err != nil {
				t.Error(err)
			}
		}
	})
	var ended sync.WaitGroup
	ended.Go(func() {
		asked := &vmplumbv1.TeardownNetworkRequest{VmId: "go-ended"}
		if result, err := agents.TearDown(ctx, asked, nil); err != nil || result != nil {
			t.Errorf("a teardown at a lost host: %v, %v", result, err)
		}
	})
	// Both agents live in one host here: the namespace of the lost network still has its name.
	again := vmplumb.CNI("go-moved", network)
	again.Spec.NetnsPath = filepath.Join("/run/netns", "go-moved-again")
	at(t, "b")(agents.SetUp(ctx, again, nil, nil))
	ended.Wait()
	if all, err := agents.Placements(ctx); err != nil || len(all) != 1 || all["go-moved"] != "b" {
		t.Errorf("placements: %v, %v", all, err)
	}
}

func TestASetUpThatIsGivenUpWhileItsHostIsLostSaysBoth(t *testing.T) {
	agents := agents(t)
	gone(t, agents, "go-away")
	at(t, "a")(agents.SetUp(livetest.Patient(t), vmplumb.CNI("go-away", network), fleet.Labels{"zone": "a"}, nil))
	livetest.Order(t, "KILL a")
	t.Cleanup(func() { livetest.Order(t, "START a") })
	impatient, cancel := context.WithTimeout(livetest.Patient(t), 300*time.Millisecond)
	defer cancel()
	_, err := agents.SetUp(impatient, vmplumb.CNI("go-away", network), nil, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("not the caller's deadline: %v", err)
	}
}

func TestAWatchGoesOnOverAnEtcdThatDiesAndComesBack(t *testing.T) {
	impatient := options(t)
	impatient.Patience = time.Second
	agents := dial(t, impatient, livetest.Order(t, "FLEET"))
	watching, stop := context.WithCancel(livetest.Patient(t))
	changes, ended := watched(watching, agents)
	livetest.Order(t, "KILL etcd")
	_, err := agents.SetUp(livetest.Patient(t), vmplumb.CNI("go-dark", network), nil, nil)
	if !errors.Is(err, fleet.ErrAway) {
		t.Errorf("a set-up without etcd: %v", err)
	}
	livetest.Order(t, "START etcd")
	livetest.Order(t, "CORDON b on")
	await(changes, func(one fleet.Change) bool { return one.AgentID == "b" && one.Agent.GetDraining() })
	livetest.Order(t, "CORDON b off")
	stop()
	for range changes { // the watch ends with its context
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ended with %v", err)
	}
}

func TestAnEtcdThatIsAwayIsSaidToBe(t *testing.T) {
	impatient := options(t)
	impatient.Patience = 200 * time.Millisecond
	nobody := dial(t, impatient, "127.0.0.1:9", "127.0.0.1:10")
	if _, err := nobody.Agents(livetest.Patient(t)); !errors.Is(err, fleet.ErrAway) {
		t.Errorf("nobody answers: %v", err)
	}
	if _, err := nobody.SetUp(livetest.Patient(t), vmplumb.CNI("go-nobody", network), nil, nil); !errors.Is(err, fleet.ErrAway) {
		t.Errorf("nobody answers: %v", err)
	}
	// A member that does not answer is left for one that does.
	some := dial(t, options(t), "127.0.0.1:9", livetest.Order(t, "FLEET"))
	if found, err := some.Agents(livetest.Patient(t)); err != nil || len(found) != 2 {
		t.Errorf("one of two answers: %v, %v", ids(found), err)
	}
}
