package fcsdk

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
	"github.com/firecracker-microvm/firecracker-go-sdk"
	"github.com/firecracker-microvm/firecracker-go-sdk/client/models"

	"github.com/vmplumb/vmplumb/clients/go/vmplumbv1"
)

// Request is what the agent is asked for: the machine's interfaces, its namespace and its id. A namespace at the place
// that NewMachine chooses is left to the agent, which chooses the same: warm pools serve such requests alone, and
// a policy may keep paths from callers.
func Request(cfg *firecracker.Config) (*vmplumbv1.SetupNetworkRequest, error) {
	interfaces := &vmplumbv1.NetworkInterfaces{}
	for _, one := range cfg.NetworkInterfaces {
		cni, err := cniConfiguration(one.CNIConfiguration)
		if err != nil {
			return nil, err
		}
		interfaces.Interfaces = append(interfaces.Interfaces, &vmplumbv1.NetworkInterface{
			StaticConfiguration: staticConfiguration(one.StaticConfiguration),
			CniConfiguration:    cni,
			AllowMmds:           one.AllowMMDS,
			InRateLimiter:       rateLimiter(one.InRateLimiter),
			OutRateLimiter:      rateLimiter(one.OutRateLimiter),
		})
	}
	netns := cfg.NetNS
	if netns == filepath.Join("/var/run/netns", cfg.VMID) {
		netns = ""
	}
	return &vmplumbv1.SetupNetworkRequest{
		VmId:       cfg.VMID,
		Spec:       &vmplumbv1.NetworkSpec{NetworkInterfaces: interfaces, NetnsPath: netns},
		KernelArgs: cfg.KernelArgs,
	}, nil
}

// StaticConfiguration is the agent's answer as the SDK reads it from a CNI result.
func StaticConfiguration(made *vmplumbv1.StaticNetworkConfiguration) (*firecracker.StaticNetworkConfiguration, error) {
	found := &firecracker.StaticNetworkConfiguration{MacAddress: made.GetMacAddress(), HostDevName: made.GetHostDevName()}
	if ip := made.GetIpConfiguration(); ip != nil {
		address, network, err := net.ParseCIDR(ip.IpAddr)
		if err != nil {
			return nil, fmt.Errorf("the agent's address: %w", err)
		}
		found.IPConfiguration = &firecracker.IPConfiguration{
			IPAddr:      net.IPNet{IP: address, Mask: network.Mask},
			Gateway:     net.ParseIP(ip.Gateway),
			Nameservers: ip.Nameservers,
			IfName:      ip.IfName,
		}
	}
	return found, nil
}

func cniConfiguration(cni *firecracker.CNIConfiguration) (*vmplumbv1.CNIConfiguration, error) {
	if cni == nil {
		return nil, nil
	}
	inline, err := networkConfig(cni.NetworkConfig)
	if err != nil {
		return nil, err
	}
	asked := &vmplumbv1.CNIConfiguration{
		NetworkName:   cni.NetworkName,
		NetworkConfig: inline,
		IfName:        cni.IfName,
		VmIfName:      cni.VMIfName,
		BinPath:       cni.BinPath,
		ConfDir:       cni.ConfDir,
		CacheDir:      cni.CacheDir,
		Force:         cni.Force,
	}
	for _, pair := range cni.Args {
		asked.Args = append(asked.Args, &vmplumbv1.CNIArg{Key: pair[0], Value: pair[1]})
	}
	return asked, nil
}

// networkConfig takes the list's bytes, or, of a list that was put together by hand, what libcni would run.
func networkConfig(list *libcni.NetworkConfigList) (*vmplumbv1.NetworkConfigList, error) {
	if list == nil {
		return nil, nil
	}
	text := list.Bytes
	if len(text) == 0 {
		plugins := []json.RawMessage{}
		for _, plugin := range list.Plugins {
			plugins = append(plugins, plugin.Bytes)
		}
		var err error
		text, err = json.Marshal(map[string]any{
			"name": list.Name, "cniVersion": list.CNIVersion, "disableCheck": list.DisableCheck, "plugins": plugins,
		})
		if err != nil {
			return nil, fmt.Errorf("network configuration %q: %w", list.Name, err)
		}
	}
	return &vmplumbv1.NetworkConfigList{Json: text}, nil
}

func staticConfiguration(static *firecracker.StaticNetworkConfiguration) *vmplumbv1.StaticNetworkConfiguration {
	if static == nil {
		return nil
	}
	asked := &vmplumbv1.StaticNetworkConfiguration{MacAddress: static.MacAddress, HostDevName: static.HostDevName}
	if ip := static.IPConfiguration; ip != nil {
		asked.IpConfiguration = &vmplumbv1.IPConfiguration{
			IpAddr: ip.IPAddr.String(), Gateway: ip.Gateway.String(), Nameservers: ip.Nameservers, IfName: ip.IfName,
		}
	}
	return asked
}

func rateLimiter(limiter *models.RateLimiter) *vmplumbv1.RateLimiter {
	if limiter == nil {
		return nil
	}
	return &vmplumbv1.RateLimiter{Bandwidth: tokenBucket(limiter.Bandwidth), Ops: tokenBucket(limiter.Ops)}
}

func tokenBucket(bucket *models.TokenBucket) *vmplumbv1.TokenBucket {
	if bucket == nil {
		return nil
	}
	return &vmplumbv1.TokenBucket{OneTimeBurst: bucket.OneTimeBurst, RefillTime: bucket.RefillTime, Size: bucket.Size}
}
