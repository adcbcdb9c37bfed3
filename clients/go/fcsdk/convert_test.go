package fcsdk_test

import (
	"encoding/json"
	"net"
	"reflect"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/firecracker-microvm/firecracker-go-sdk"
	"github.com/firecracker-microvm/firecracker-go-sdk/client/models"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/vmplumb/vmplumb/clients/go/fcsdk"
	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

func sameJSON(t *testing.T, one, other string) bool {
	t.Helper()
	var values [2]any
	for i, text := range []string{one, other} {
		if err := json.Unmarshal([]byte(text), &values[i]); err != nil {
			t.Fatalf("%v: %q", err, text)
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

func TestEveryFieldOfAConfigurationReachesTheAgent(t *testing.T) {
	list := []byte(`{"name":"n","cniVersion":"1.0.0","plugins":[{"type":"ptp"}]}`)
	for _, one := range []struct {
		name string
		cfg  firecracker.Config
		want string
	}{
		{"nothing", firecracker.Config{VMID: "a"}, `{"vmId":"a","spec":{"networkInterfaces":{}}}`},
		{"a CNI network by name", firecracker.Config{
			VMID: "a", NetNS: "/var/run/netns/b", KernelArgs: "quiet",
			NetworkInterfaces: firecracker.NetworkInterfaces{{
				AllowMMDS: true,
				InRateLimiter: &models.RateLimiter{
					Bandwidth: &models.TokenBucket{OneTimeBurst: firecracker.Int64(1), RefillTime: firecracker.Int64(2), Size: firecracker.Int64(3)},
					Ops:       &models.TokenBucket{RefillTime: firecracker.Int64(0), Size: firecracker.Int64(5)},
				},
				OutRateLimiter: &models.RateLimiter{},
				CNIConfiguration: &firecracker.CNIConfiguration{
					NetworkName: "n", IfName: "veth0", VMIfName: "eth0", BinPath: []string{"/a", "/b"}, ConfDir: "/c", CacheDir: "/d",
					Args: [][2]string{{"K", "1"}, {"K", "2"}}, Force: true,
				},
			}},
		}, `{"vmId":"a","kernelArgs":"quiet","spec":{"netnsPath":"/var/run/netns/b","networkInterfaces":{"interfaces":[{
			"allowMmds":true,
			"inRateLimiter":{"bandwidth":{"oneTimeBurst":"1","refillTime":"2","size":"3"},"ops":{"refillTime":"0","size":"5"}},
			"outRateLimiter":{},
			"cniConfiguration":{"networkName":"n","ifName":"veth0","vmIfName":"eth0","binPath":["/a","/b"],"confDir":"/c",
				"cacheDir":"/d","args":[{"key":"K","value":"1"},{"key":"K","value":"2"}],"force":true}}]}}}`},
		{"an inline list, as it was read", firecracker.Config{VMID: "a", NetNS: "/var/run/netns/a", NetworkInterfaces: firecracker.NetworkInterfaces{{
			CNIConfiguration: &firecracker.CNIConfiguration{NetworkConfig: &libcni.NetworkConfigList{Name: "n", Bytes: list}},
		}}}, `{"vmId":"a","spec":{"networkInterfaces":{"interfaces":[{"cniConfiguration":{"networkConfig":{
			"json":"eyJuYW1lIjoibiIsImNuaVZlcnNpb24iOiIxLjAuMCIsInBsdWdpbnMiOlt7InR5cGUiOiJwdHAifV19"}}}]}}}`},
		{"static interfaces", firecracker.Config{VMID: "a", NetworkInterfaces: firecracker.NetworkInterfaces{
			{StaticConfiguration: &firecracker.StaticNetworkConfiguration{HostDevName: "tap1", MacAddress: "02:00:00:00:00:01",
				IPConfiguration: &firecracker.IPConfiguration{
					IPAddr:  net.IPNet{IP: net.IPv4(10, 0, 0, 2), Mask: net.CIDRMask(24, 32)},
					Gateway: net.IPv4(10, 0, 0, 1), Nameservers: []string{"10.0.0.3"}, IfName: "eth0",
				}}},
			{StaticConfiguration: &firecracker.StaticNetworkConfiguration{HostDevName: "tap2"}},
		}}, `{"vmId":"a","spec":{"networkInterfaces":{"interfaces":[
			{"staticConfiguration":{"hostDevName":"tap1","macAddress":"02:00:00:00:00:01","ipConfiguration":{
				"ipAddr":"10.0.0.2/24","gateway":"10.0.0.1","nameservers":["10.0.0.3"],"ifName":"eth0"}}},
			{"staticConfiguration":{"hostDevName":"tap2"}}]}}}`},
	} {
		t.Run(one.name, func(t *testing.T) {
			request, err := fcsdk.Request(&one.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got := protojson.Format(request); !sameJSON(t, got, one.want) {
				t.Errorf("asked for %s", got)
			}
		})
	}
}

func TestAListPutTogetherByHandIsWhatLibcniWouldRun(t *testing.T) {
	cfg := firecracker.Config{VMID: "a", NetworkInterfaces: firecracker.NetworkInterfaces{{
		CNIConfiguration: &firecracker.CNIConfiguration{NetworkConfig: &libcni.NetworkConfigList{
			Name: "n", CNIVersion: "1.0.0", DisableCheck: true,
			Plugins: []*libcni.NetworkConfig{
				{Network: &types.NetConf{Type: "ptp"}, Bytes: []byte(`{"type":"ptp","mtu":1400}`)},
				{Network: &types.NetConf{Type: "tc-redirect-tap"}, Bytes: []byte(`{"type":"tc-redirect-tap"}`)},
			},
		}},
	}}}
	request, err := fcsdk.Request(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	got := request.Spec.NetworkInterfaces.Interfaces[0].CniConfiguration.NetworkConfig
	want := `{"name":"n","cniVersion":"1.0.0","disableCheck":true,"plugins":[{"type":"ptp","mtu":1400},{"type":"tc-redirect-tap"}]}`
	if !sameJSON(t, string(got.Json), want) {
		t.Errorf("%s", got.Json)
	}
	cfg.NetworkInterfaces[0].CNIConfiguration.NetworkConfig.Plugins[0].Bytes = []byte("{")
	if _, err := fcsdk.Request(&cfg); err == nil {
		t.Error("what is no JSON was taken")
	}
}

func TestAnAnswerThatIsNoAddressIsRefused(t *testing.T) {
	made := &vmplumbv1.StaticNetworkConfiguration{HostDevName: "tap0", IpConfiguration: &vmplumbv1.IPConfiguration{IpAddr: "nowhere"}}
	if _, err := fcsdk.StaticConfiguration(made); err == nil {
		t.Error("taken")
	}
}
