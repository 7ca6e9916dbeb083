package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// The names of our sockets, as FileDescriptorName= of a systemd socket says
// them. A socket of another name is the clients'.
const (
	socketListen = "listen"
	socketAdmin  = "admin"
)

// activatedListeners returns the sockets that systemd opened for this process:
// they start at descriptor 3, LISTEN_FDS says how many there are, LISTEN_PID
// for whom, LISTEN_FDNAMES what they are called (sd_listen_fds(3)). No process
// that this one starts should take them for its own.
func activatedListeners() (map[string]net.Listener, error) {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name)
	}
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		return nil, nil
	}
	const first = 3
	list := strings.Split(names, ":")
	sockets := map[string]net.Listener{}
	for i := range n {
		name := socketListen
		if i < len(list) && list[i] == socketAdmin {
			name = socketAdmin
		}
		file := os.NewFile(uintptr(first+i), name)
		ln, err := net.FileListener(file)
		_ = file.Close() // FileListener has its own
		if err != nil {
			return nil, fmt.Errorf("descriptor %d of LISTEN_FDS is no listening socket: %w", first+i, err)
		}
		if sockets[name] != nil {
			return nil, fmt.Errorf("LISTEN_FDS holds two sockets for %q; one may have FileDescriptorName=%s", name, socketAdmin)
		}
		sockets[name] = ln
	}
	return sockets, nil
}
