// Reads a job from stdin into Nomad's own types, as `nomad job run -json` does; what they do not know is a fault.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/nomad/api"
)

func main() {
	var file struct{ Job *api.Job }
	read := json.NewDecoder(os.Stdin)
	read.DisallowUnknownFields()
	if err := read.Decode(&file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	file.Job.Canonicalize()
	for _, group := range file.Job.TaskGroups {
		for _, task := range group.Tasks {
			fmt.Println(*file.Job.ID, *file.Job.Type, *group.Name, task.Name, task.Driver, task.KillTimeout, len(task.Services))
		}
	}
}
