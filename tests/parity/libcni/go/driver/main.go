// Runs the steps of one case with libcni and prints the outcome of each.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/types/create"
)

type step struct {
	Verb string `json:"verb"`

	// How to get the network: by name from a directory, from a file, or from the text itself.
	ConfDir string  `json:"conf_dir"`
	File    string  `json:"file"`
	Inline  *string `json:"inline"`
	Network string  `json:"network"`

	ContainerID    string                 `json:"container_id"`
	NetNS          string                 `json:"netns"`
	IfName         string                 `json:"if_name"`
	Args           [][2]string            `json:"args"`
	CapabilityArgs map[string]interface{} `json:"capability_args"`

	Valid   *[]types.GCAttachment `json:"valid"`
	Seconds float64               `json:"seconds"`
	Text    string                `json:"text"`
	Version string                `json:"version"`
	Plugin  string                `json:"plugin"`
}

type job struct {
	Path     []string `json:"path"`
	CacheDir string   `json:"cache_dir"`
	Steps    []step   `json:"steps"`
}

type outcome struct {
	Value interface{} `json:"value"`
	Error *string     `json:"error"`
	Code  *uint       `json:"code"`
}

func network(s step) (*libcni.NetworkConfigList, error) {
	switch {
	case s.Inline != nil:
		return libcni.NetworkConfFromBytes([]byte(*s.Inline))
	case s.File != "":
		return libcni.NetworkConfFromFile(s.File)
	default:
		return libcni.LoadNetworkConf(s.ConfDir, s.Network)
	}
}

func run(cni *libcni.CNIConfig, s step) (interface{}, error) {
	ctx := context.Background()
	if s.Seconds > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(s.Seconds*float64(time.Second)))
		defer cancel()
		ctx = limited
	}
	switch s.Verb {
	case "write":
		if err := os.MkdirAll(filepath.Dir(s.File), 0o700); err != nil {
			return nil, err
		}
		return nil, os.WriteFile(s.File, []byte(s.Text), 0o600)
	case "convert":
		result, err := create.CreateFromBytes([]byte(s.Text))
		if err != nil {
			return nil, err
		}
		return result.GetAsVersion(s.Version)
	case "version":
		info, err := cni.GetVersionInfo(ctx, s.Plugin)
		if err != nil {
			return nil, err
		}
		return info.SupportedVersions(), nil
	case "attachments":
		found, err := cni.GetCachedAttachments(s.ContainerID)
		if err != nil {
			return nil, err
		}
		listed := []map[string]interface{}{}
		for _, each := range found {
			listed = append(listed, map[string]interface{}{
				"network": each.Network, "container_id": each.ContainerID, "if_name": each.IfName,
				"netns": each.NetNS, "args": pairs(each.CniArgs), "capability_args": object(each.CapabilityArgs),
				"config": string(each.Config),
			})
		}
		return listed, nil
	}

	list, err := network(s)
	if err != nil {
		return nil, err
	}
	rt := &libcni.RuntimeConf{
		ContainerID: s.ContainerID, NetNS: s.NetNS, IfName: s.IfName, Args: s.Args, CapabilityArgs: s.CapabilityArgs,
	}
	switch s.Verb {
	case "load":
		plugins := []map[string]interface{}{}
		for _, plugin := range list.Plugins {
			conf := map[string]interface{}{}
			if err := json.Unmarshal(plugin.Bytes, &conf); err != nil {
				return nil, err
			}
			plugins = append(plugins, map[string]interface{}{"type": plugin.Network.Type, "conf": conf})
		}
		return map[string]interface{}{
			"name": list.Name, "cni_version": list.CNIVersion, "disable_check": list.DisableCheck,
			"disable_gc": list.DisableGC, "load_only_inlined_plugins": list.LoadOnlyInlinedPlugins,
			"plugins": plugins,
		}, nil
	case "add":
		return cni.AddNetworkList(ctx, list, rt)
	case "del":
		return nil, cni.DelNetworkList(ctx, list, rt)
	case "check":
		return nil, cni.CheckNetworkList(ctx, list, rt)
	case "gc":
		if s.Valid == nil {
			return nil, cni.GCNetworkList(ctx, list, nil)
		}
		return nil, cni.GCNetworkList(ctx, list, &libcni.GCArgs{ValidAttachments: *s.Valid})
	case "status":
		return nil, cni.GetStatusNetworkList(ctx, list)
	case "validate":
		capabilities, err := cni.ValidateNetworkList(ctx, list)
		sort.Strings(capabilities)
		return capabilities, err
	case "cached_result":
		return cni.GetNetworkListCachedResult(list, rt)
	case "cached_config":
		config, kept, err := cni.GetNetworkListCachedConfig(list, rt)
		if err != nil || kept == nil {
			return nil, err
		}
		return map[string]interface{}{
			"config": string(config), "args": pairs(kept.Args), "capability_args": object(kept.CapabilityArgs),
		}, nil
	}
	return nil, fmt.Errorf("no such verb: %s", s.Verb)
}

func pairs(given [][2]string) [][2]string {
	return append([][2]string{}, given...)
}

func object(given map[string]interface{}) map[string]interface{} {
	if given == nil {
		return map[string]interface{}{}
	}
	return given
}

func main() {
	var todo job
	if err := json.NewDecoder(os.Stdin).Decode(&todo); err != nil {
		panic(err)
	}
	cni := libcni.NewCNIConfigWithCacheDir(todo.Path, todo.CacheDir, nil)
	outcomes := []outcome{}
	for _, each := range todo.Steps {
		value, err := run(cni, each)
		told := outcome{}
		if err != nil {
			text := err.Error()
			told.Error = &text
			var failed *types.Error
			if errors.As(err, &failed) {
				told.Code = &failed.Code
			}
		} else {
			told.Value = value
		}
		outcomes = append(outcomes, told)
	}
	if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
		panic(err)
	}
}
