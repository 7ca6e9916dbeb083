package suite

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/infinirouter/infinirouter/bench/process"
)

// Place is which CPUs run what. Empty lists mean all.
type Place struct {
	Targets   []int
	Generator []int
	Service   []int
}

// fewest is how many CPUs it takes to give some away. With two, a request would
// wake an idle CPU at each of its four hops: on a virtual machine that made
// nginx's CPU time 1.5 times what it is when the kernel places everything, and
// the latency that it adds 3 times.
const fewest = 4

// Split gives targets the upper half of the CPUs that the caller may use. The
// generator has one of the others to itself where there are enough, and shares it
// with the service where it must. With fewer than four CPUs nothing is pinned,
// unless always.
func Split(always bool) (Place, error) {
	cpus, err := process.AllowedCPUs()
	if err != nil || len(cpus) < fewest && !always {
		return Place{}, err
	}
	return split(cpus), nil
}

func split(cpus []int) Place {
	n := len(cpus)
	if n < 2 {
		return Place{}
	}
	p := Place{Targets: cpus[n/2:], Generator: cpus[:1], Service: cpus[:1]}
	if n/2 > 1 {
		p.Service = cpus[1 : n/2]
	}
	return p
}

// targetCPUs is how many CPUs a target can use.
func (b *bench) targetCPUs() int {
	if n := len(b.Place.Targets); n > 0 {
		return n
	}
	return runtime.NumCPU()
}

// String says it for a report.
func (p Place) String() string {
	if len(p.Targets) == 0 {
		return "not pinned: targets, generator and service share all CPUs"
	}
	if fmt.Sprint(p.Service) == fmt.Sprint(p.Generator) {
		return fmt.Sprintf("each target has %s to itself, generator and service share %s", cpuList(p.Targets), cpuList(p.Generator))
	}
	return fmt.Sprintf("each target has %s to itself, the generator %s, the service %s", cpuList(p.Targets), cpuList(p.Generator), cpuList(p.Service))
}

func cpuList(cpus []int) string {
	var list []string
	for _, n := range cpus {
		list = append(list, fmt.Sprint(n))
	}
	if len(cpus) == 1 {
		return "CPU " + list[0]
	}
	return "CPUs " + strings.Join(list, ", ")
}
