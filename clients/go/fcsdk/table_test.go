package fcsdk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/firecracker-microvm/firecracker-go-sdk"

	"github.com/vmplumb/vmplumb/clients/go/fcsdk"

	"github.com/vmplumb/vmplumb/clients/go/internal/livetest"
)

// One address and a given MAC, so that what is made twice can be the same twice.
const (
	ptp = `{"name":"fcsdk-ptp","cniVersion":"1.0.0","plugins":[
	{"type":"ptp","mtu":1450,"dns":{"nameservers":["10.96.0.10","10.96.0.11","10.96.0.12"]},
	 "ipam":{"type":"host-local","routes":[{"dst":"0.0.0.0/0"}],
	         "ranges":[[{"subnet":"10.210.0.0/24","rangeStart":"10.210.0.9","rangeEnd":"10.210.0.9"}]]}},
	{"type":"tuning","mac":"02:fc:5d:6b:00:01"},
	{"type":"tc-redirect-tap"}]}`
	bridge = `{"name":"fcsdk-bridge","cniVersion":"1.0.0","plugins":[
	{"type":"bridge","bridge":"BRIDGE","isGateway":true,"dns":{"nameservers":["10.96.0.10"]},
	 "ipam":{"type":"host-local","routes":[{"dst":"0.0.0.0/0"}],
	         "ranges":[[{"subnet":"10.211.0.0/16","rangeStart":"10.211.0.9","rangeEnd":"10.211.0.9","gateway":"10.211.0.1"}]]}},
	{"type":"tuning","mac":"02:fc:5d:6b:00:02"},
	{"type":"tc-redirect-tap"}]}`
	tableHead = "| network | field | made by the SDK | made by the agent |\n|---|---|---|---|\n"
)

// row is a field of what came of a configuration.
type row struct{ field, value string }

func made(t *testing.T, network string, options ...firecracker.Opt) (rows []row) {
	t.Helper()
	cfg := config(t, "fc-table", network)
	cni := cfg.NetworkInterfaces[0].CNIConfiguration
	cni.BinPath = []string{livetest.Get(t, "CNI_BIN")}
	cni.VMIfName = "eth0"
	cfg.NetworkInterfaces[0].AllowMMDS = true
	cfg.MmdsAddress = net.IPv4(169, 254, 170, 2)
	m := machine(t, cfg, options...)
	if err := m.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	defer m.end(t)
	got := m.Cfg.NetworkInterfaces[0].StaticConfiguration
	inside := "no"
	if m.lines(t)[0].Netns == netnsOf(t, m.Cfg.NetNS) {
		inside = "yes"
	}
	return []row{
		{"HostDevName", got.HostDevName},
		{"MacAddress", got.MacAddress},
		{"IPConfiguration.IPAddr", fmt.Sprintf("%s (%d bytes, mask %s)", got.IPConfiguration.IPAddr.String(),
			len(got.IPConfiguration.IPAddr.IP), got.IPConfiguration.IPAddr.Mask)},
		{"IPConfiguration.Gateway", fmt.Sprintf("%s (%d bytes)", got.IPConfiguration.Gateway, len(got.IPConfiguration.Gateway))},
		{"IPConfiguration.Nameservers", strings.Join(got.IPConfiguration.Nameservers, ", ")},
		{"IPConfiguration.IfName", got.IPConfiguration.IfName},
		{"Config.NetNS", m.Cfg.NetNS},
		{"the VMM runs in it", inside},
		{"boot_args of PUT /boot-source", bootSource(t, m.told(t, "/boot-source"))},
		{"PUT /network-interfaces/1", m.told(t, "/network-interfaces/1")},
		{"PUT /mmds/config", m.told(t, "/mmds/config")},
	}
}

// TestTheSDKAndTheAgentMakeTheSameConfiguration runs each network twice: through the SDK's own handler, which executes
// the reference plugins and tc-redirect-tap, and through the agent. The table it prints is that of the README.
func TestTheSDKAndTheAgentMakeTheSameConfiguration(t *testing.T) {
	if _, err := os.Stat(filepath.Join(livetest.Get(t, "CNI_BIN"), "ptp")); err != nil {
		t.Skip("the reference plugins are not here: tools/reference_plugins.sh")
	}
	table := tableHead
	for _, one := range []struct{ name, text string }{{"ptp", ptp}, {"bridge", bridge}} {
		network := "fcsdk-" + one.name
		path := filepath.Join(livetest.Get(t, "CONF_DIR"), network+".conflist")
		text := strings.ReplaceAll(one.text, "BRIDGE", livetest.Get(t, "BRIDGE"))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		bySDK := made(t, network)
		byAgent := made(t, network, fcsdk.WithAgent(target(t)))
		for i, sdk := range bySDK {
			agent := byAgent[i]
			table += fmt.Sprintf("| %s | %s | `%s` | `%s` |\n", one.name, sdk.field, sdk.value, agent.value)
			if sdk.value != agent.value {
				t.Errorf("%s: %s: the SDK made %s, the agent %s", one.name, sdk.field, sdk.value, agent.value)
			}
		}
	}
	fmt.Println(table)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), table) {
		t.Error("README.md has another table")
	}
}

// bootSource is the request without the kernel's path, which differs from run to run, and with the arguments in
// order: the SDK keeps them in a map and writes them in another order each time.
func bootSource(t *testing.T, body string) string {
	t.Helper()
	var asked map[string]string
	if err := json.Unmarshal([]byte(body), &asked); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(asked["boot_args"])
	slices.Sort(words)
	return strings.Join(words, " ")
}
