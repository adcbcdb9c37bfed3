package fleet

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// agent has two networks, `n` with `free` addresses left and `m` of which nobody knows, and room for ten.
func agent(id string, live, free int64) *vmplumbv1.FleetAgent {
	return &vmplumbv1.FleetAgent{Id: id, NetworksLive: live, NetworksMax: 10, Labels: Labels{"zone": "one", "rack": "7"},
		Networks: []*vmplumbv1.FleetNetwork{{Name: "n", AddressesFree: proto.Int64(free)}, {Name: "m"}}}
}

func TestWhatFitsIsWhatTellsOfRoomThere(t *testing.T) {
	draining := agent("a", 0, 1)
	draining.Draining = true
	for name, one := range map[string]struct {
		agent    *vmplumbv1.FleetAgent
		networks []string
		labels   Labels
		fits     bool
	}{
		"an empty one":              {agent("a", 0, 1), []string{"n"}, nil, true},
		"for no network at all":     {agent("a", 0, 0), nil, nil, true},
		"no address is left":        {agent("a", 0, 0), []string{"n"}, nil, false},
		"one of two is full":        {agent("a", 0, 0), []string{"m", "n"}, nil, false},
		"nobody knows of addresses": {agent("a", 0, 0), []string{"m"}, nil, true},
		"it does not have it":       {agent("a", 0, 1), []string{"n", "other"}, nil, false},
		"it holds all it may":       {agent("a", 10, 1), []string{"n"}, nil, false},
		"its labels":                {agent("a", 0, 1), []string{"n"}, Labels{"zone": "one", "rack": "7"}, true},
		"another label":             {agent("a", 0, 1), []string{"n"}, Labels{"zone": "two"}, false},
		"a label it does not have":  {agent("a", 0, 1), []string{"n"}, Labels{"disk": ""}, false},
		"it drains":                 {draining, []string{"n"}, nil, false},
	} {
		if Fits(one.agent, one.networks, one.labels) != one.fits {
			t.Errorf("%s: Fits is not %t", name, one.fits)
		}
	}
}

func TestTheEmptiestComesFirstAndEqualsInAnyOrder(t *testing.T) {
	firsts := map[string]bool{}
	for range 200 {
		got := ordered([]*vmplumbv1.FleetAgent{agent("full", 9, 1), agent("x", 2, 1), agent("y", 2, 1), agent("half", 5, 1)})
		if got[2].Id != "half" || got[3].Id != "full" {
			t.Fatalf("not by what is taken: %v", got)
		}
		firsts[got[0].Id] = true
	}
	if !firsts["x"] || !firsts["y"] {
		t.Errorf("always the same first: %v", firsts)
	}
	busy := agent("busy", 2, 1)
	busy.Operations = 4
	if got := ordered([]*vmplumbv1.FleetAgent{busy, agent("half", 5, 1)}); got[0].Id != "half" {
		t.Error("operations under way do not count")
	}
}

func TestOfThoseThatSeemFullSomeAreAskedAllTheSame(t *testing.T) {
	full := []*vmplumbv1.FleetAgent{agent("a", 10, 1), agent("b", 1, 0), agent("c", 1, 0)}
	lacking := &NoAgent{Wanted: []string{"n"}, Tried: map[string]error{"b": errors.New("full")}}
	if got := candidates(full, lacking, nil); len(got) != 2 || got[0].Id != "a" || got[1].Id != "c" {
		t.Errorf("candidates: %v", got)
	}
	for _, id := range strings.Split("d e f g h", " ") {
		lacking.Tried[id] = errors.New("full")
	}
	if got := candidates(full, lacking, nil); len(got) != 0 {
		t.Errorf("asked without end: %v", got)
	}
}

func TestNoAgentSaysWhatEachAnswered(t *testing.T) {
	err := &NoAgent{Wanted: []string{"n", "m"}, Tried: map[string]error{"b": errors.New("full"), "a": errors.New("drains")}}
	if err.Error() != "no agent has room for n, m; a: drains; b: full" {
		t.Error(err)
	}
}

func TestEachNetworkOfASpecIsWantedOnce(t *testing.T) {
	spec := &vmplumbv1.NetworkSpec{NetworkInterfaces: &vmplumbv1.NetworkInterfaces{Interfaces: []*vmplumbv1.NetworkInterface{
		{CniConfiguration: &vmplumbv1.CNIConfiguration{NetworkName: "n"}},
		{StaticConfiguration: &vmplumbv1.StaticNetworkConfiguration{HostDevName: "tap0"}},
		{CniConfiguration: &vmplumbv1.CNIConfiguration{NetworkName: "m"}},
		{CniConfiguration: &vmplumbv1.CNIConfiguration{NetworkName: "n"}},
	}}}
	if got := networksOf(spec); !slices.Equal(got, []string{"n", "m"}) {
		t.Error(got)
	}
}
