// Stands in for the processes "firecracker" and "jailer" in tests: no guest, but the API socket, the tap device
// opened as Firecracker opens it, and the namespace entered as the jailer enters it. STANDIN_LOG names a file
// that gets a line of JSON for each start and each request.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Line is one line of the log.
type Line struct {
	Program string   `json:"program,omitempty"`
	Args    []string `json:"args,omitempty"`
	Netns   string   `json:"netns,omitempty"`
	Method  string   `json:"method,omitempty"`
	Path    string   `json:"path,omitempty"`
	Body    string   `json:"body,omitempty"`
}

func init() { runtime.LockOSThread() } // main stays on the thread that enters the namespace

func main() {
	if filepath.Base(os.Args[0]) == "jailer" {
		jail()
	}
	serve()
}

func jail() {
	note(Line{Program: "jailer", Args: os.Args[1:]})
	root := filepath.Join(flag("--chroot-base-dir"), filepath.Base(flag("--exec-file")), flag("--id"), "root")
	socket := filepath.Join(root, flag("--api-sock"))
	must(os.MkdirAll(filepath.Dir(socket), 0o755))
	if path := flag("--netns"); path != "" {
		file, err := os.Open(path)
		must(err)
		must(unix.Setns(int(file.Fd()), unix.CLONE_NEWNET))
	}
	program := flag("--exec-file")
	must(syscall.Exec(program, []string{program, "--id", flag("--id"), "--api-sock", socket}, os.Environ()))
}

func serve() {
	netns, err := os.Readlink("/proc/thread-self/ns/net")
	must(err)
	note(Line{Program: "firecracker", Args: os.Args[1:], Netns: netns})
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	listener, err := net.Listen("unix", flag("--api-sock"))
	must(err)
	var taps sync.Map
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodGet {
			note(Line{Method: r.Method, Path: r.URL.Path, Body: string(body)})
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodGet:
			io.WriteString(w, `{"vcpu_count":1,"mem_size_mib":128,"ht_enabled":false}`)
			return
		case strings.HasPrefix(r.URL.Path, "/network-interfaces/"):
			var asked struct {
				HostDevName string `json:"host_dev_name"`
			}
			json.Unmarshal(body, &asked)
			tap, err := openTap(asked.HostDevName)
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				json.NewEncoder(w).Encode(map[string]string{"fault_message": "Open tap device failed: " + err.Error()})
				return
			}
			taps.Store(asked.HostDevName, tap) // held for as long as the VM lives
		}
		w.WriteHeader(http.StatusNoContent)
		if strings.Contains(string(body), "SendCtrlAltDel") {
			ended <- syscall.SIGTERM
		}
	}))
	<-ended
}

// openTap opens the device in the namespace the process was started in; threads of Go's runtime are in it too,
// unless a jailer's was entered by this one thread, in which case exec has left no other.
func openTap(name string) (*os.File, error) {
	file, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	// A name that is not there would be made: it must be there.
	if _, err := net.InterfaceByName(name); err != nil {
		return nil, err
	}
	if err := unix.IoctlIfreq(int(file.Fd()), unix.TUNSETIFF, request); err != nil {
		return nil, err
	}
	return file, nil
}

func flag(name string) string {
	for i, one := range os.Args[:len(os.Args)-1] {
		if one == name {
			return os.Args[i+1]
		}
	}
	return ""
}

func note(line Line) {
	path := os.Getenv("STANDIN_LOG")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	must(err)
	defer file.Close()
	must(json.NewEncoder(file).Encode(line))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
