// A plugin that writes down how it was called and answers from a script.
//
// It lies in <case>/bin under the name of a plugin type. It appends a line to <case>/calls.jsonl and reads
// <case>/answers.json, so that neither needs a variable of its environment.
package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type answer struct {
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	Exit   int    `json:"exit"`
	Signal int    `json:"signal"`
	// Seconds to wait before the answer.
	Sleep float64 `json:"sleep"`
}

type call struct {
	Plugin string            `json:"plugin"`
	Env    map[string]string `json:"env"`
	Stdin  string            `json:"stdin"`
}

func must(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(99)
	}
}

func main() {
	home := filepath.Dir(filepath.Dir(os.Args[0]))
	seen := call{Plugin: filepath.Base(os.Args[0]), Env: map[string]string{}}
	for _, pair := range os.Environ() {
		key, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(key, "CNI_") {
			seen.Env[key] = value
		}
	}
	stdin, err := io.ReadAll(os.Stdin)
	must(err)
	seen.Stdin = string(stdin)
	line, err := json.Marshal(seen)
	must(err)
	log, err := os.OpenFile(filepath.Join(home, "calls.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(err)
	_, err = log.Write(append(line, '\n'))
	must(err)

	answers := map[string]map[string]answer{}
	raw, err := os.ReadFile(filepath.Join(home, "answers.json"))
	must(err)
	must(json.Unmarshal(raw, &answers))
	command := seen.Env["CNI_COMMAND"]
	given, scripted := answers[seen.Plugin][command]
	if !scripted {
		given = usual(command, stdin)
	}
	time.Sleep(time.Duration(given.Sleep * float64(time.Second)))
	os.Stdout.WriteString(given.Stdout)
	os.Stderr.WriteString(given.Stderr)
	if given.Signal != 0 {
		must(syscall.Kill(os.Getpid(), syscall.Signal(given.Signal)))
		// The signal may come a moment later. An empty select would be told as a deadlock meanwhile.
		for {
			time.Sleep(time.Hour)
		}
	}
	os.Exit(given.Exit)
}

// What a plugin does that has no script: an address in the version asked for, silence else.
func usual(command string, stdin []byte) answer {
	switch command {
	case "VERSION":
		return answer{Stdout: `{"cniVersion":"1.1.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}`}
	case "ADD":
		var conf struct {
			CNIVersion string `json:"cniVersion"`
		}
		must(json.Unmarshal(stdin, &conf))
		body := `"ips":[{"version":"4","address":"10.9.0.2/24","gateway":"10.9.0.1"}]`
		if conf.CNIVersion == "" || strings.HasPrefix(conf.CNIVersion, "0.1") || strings.HasPrefix(conf.CNIVersion, "0.2") {
			body = `"ip4":{"ip":"10.9.0.2/24","gateway":"10.9.0.1"}`
		}
		return answer{Stdout: `{"cniVersion":"` + conf.CNIVersion + `",` + body + `}`}
	}
	return answer{}
}
