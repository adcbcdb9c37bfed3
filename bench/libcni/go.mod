module vmplumb.test/bench

go 1.23.0

require (
	github.com/containernetworking/cni v1.3.0
	golang.org/x/sys v0.33.0
)
