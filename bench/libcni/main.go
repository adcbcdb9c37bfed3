// Networks made by libcni and the real plugins, as an orchestrator in Go makes them: a namespace, DEL of
// whatever a former life left, ADD. The same job lines and answers as floor.c; the directory of the
// namespaces is the first argument, then the conflists', the plugins' and the cache's.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containernetworking/cni/libcni"
	"golang.org/x/sys/unix"
)

type answer struct {
	Up     []float64 `json:"up_ms"`
	Down   []float64 `json:"down_ms"`
	Wall   float64   `json:"wall_ms"`
	CPU    float64   `json:"cpu_ms"`
	Errors int64     `json:"errors"`
	Last   string    `json:"last_error"`
}

type caller struct {
	netnsDir, confDir string
	cni               *libcni.CNIConfig
}

func (c *caller) path(number int) string { return fmt.Sprintf("%s/g%d", c.netnsDir, number) }

func (c *caller) conf(number int) *libcni.RuntimeConf {
	return &libcni.RuntimeConf{ContainerID: fmt.Sprintf("g%d", number), NetNS: c.path(number), IfName: "veth0"}
}

// makeNetns unshares on a thread of its own and goes back, as the Go SDKs do.
func makeNetns(path string) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	name, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	name.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	err = unix.Mount("/proc/thread-self/ns/net", path, "none", unix.MS_BIND, "")
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return back // the thread stays locked and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return err
}

func (c *caller) setUp(network string, number int) error {
	list, err := libcni.LoadConfList(c.confDir, network)
	if err != nil {
		return err
	}
	if err := makeNetns(c.path(number)); err != nil {
		return err
	}
	if err := c.cni.DelNetworkList(context.Background(), list, c.conf(number)); err != nil {
		return err
	}
	_, err = c.cni.AddNetworkList(context.Background(), list, c.conf(number))
	return err
}

func (c *caller) tearDown(network string, number int) error {
	list, err := libcni.LoadConfList(c.confDir, network)
	if err != nil {
		return err
	}
	if err := c.cni.DelNetworkList(context.Background(), list, c.conf(number)); err != nil {
		return err
	}
	if err := unix.Unmount(c.path(number), unix.MNT_DETACH); err != nil {
		return err
	}
	return os.Remove(c.path(number))
}

func milliseconds(since time.Time) float64 { return float64(time.Since(since).Nanoseconds()) / 1e6 }

// used is the CPU time of this process and of the plugins it ran.
func used() float64 {
	total := 0.0
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		if unix.Getrusage(who, &usage) == nil {
			total += float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
		}
	}
	return total
}

func (c *caller) run(verb, network string, base, count, callers int) answer {
	up, down := verb == "set_up" || verb == "churn", verb == "tear_down" || verb == "churn"
	told := answer{Up: []float64{}, Down: []float64{}}
	if up {
		told.Up = make([]float64, count)
	}
	if down {
		told.Down = make([]float64, count)
	}
	var next, failures atomic.Int64
	var last atomic.Value
	last.Store("")
	note := func(err error) {
		if err != nil {
			failures.Add(1)
			last.Store(err.Error())
		}
	}
	cpu, start := used(), time.Now()
	var all sync.WaitGroup
	for range callers {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := int(next.Add(1) - 1); i < count; i = int(next.Add(1) - 1) {
				if up {
					began := time.Now()
					note(c.setUp(network, base+i))
					told.Up[i] = milliseconds(began)
				}
				if down {
					began := time.Now()
					note(c.tearDown(network, base+i))
					told.Down[i] = milliseconds(began)
				}
			}
		}()
	}
	all.Wait()
	told.Wall, told.CPU = milliseconds(start), used()-cpu
	told.Errors, told.Last = failures.Load(), last.Load().(string)
	return told
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: libcni NETNS_DIR CONF_DIR PLUGIN_DIR CACHE_DIR")
		os.Exit(2)
	}
	c := &caller{
		netnsDir: os.Args[1],
		confDir:  os.Args[2],
		cni:      libcni.NewCNIConfigWithCacheDir(strings.Split(os.Args[3], ":"), os.Args[4], nil),
	}
	if err := os.MkdirAll(c.netnsDir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := json.NewEncoder(os.Stdout)
	_ = out.Encode(map[string]bool{"ready": true})
	jobs := bufio.NewScanner(os.Stdin)
	for jobs.Scan() {
		var verb, network string
		var base, count, callers int
		if _, err := fmt.Sscan(jobs.Text(), &verb, &network, &base, &count, &callers); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		_ = out.Encode(c.run(verb, network, base, count, callers))
	}
}
