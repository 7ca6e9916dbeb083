//go:build !linux

package process

import (
	"errors"
	"os/exec"
	"runtime"
)

var errNotHere = errors.New("not on " + runtime.GOOS + ": this needs Linux")

func spawn(cmd *exec.Cmd, c Command) error {
	if len(c.CPUs) > 0 {
		return errNotHere
	}
	return cmd.Start()
}

func awaitEnd(int) {}

func killGroup(int) {}

// AllowedCPUs returns the numbers of the CPUs that the caller may run on.
func AllowedCPUs() ([]int, error) { return nil, errNotHere }

// RunOn restarts the calling program on those CPUs alone.
func RunOn([]int, string, []string, []string) error { return errNotHere }

// Measure reads what process pid and its descendants use.
func Measure(int) (Usage, error) { return Usage{}, errNotHere }

// ResetPeak makes the peak of memory start again from what is used now.
func ResetPeak(int) error { return errNotHere }
