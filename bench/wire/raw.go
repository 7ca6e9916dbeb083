package wire

import (
	"errors"
	"fmt"
)

// Raw sends any bytes and returns the replies. methods are those of the
// complete requests in src, as some reader sees them: once that many replies
// have come, the client is done, and the router has to close the connection.
func Raw(addr, src string, methods []string) ([]*Message, error) {
	conn, err := dial(addr, append(methods, "POST")...)
	if err != nil {
		return nil, err
	}
	defer conn.close()
	conn.send(src, len(src)+1, Hold)
	if !conn.receive(longest, func() bool { return conn.finals() >= len(methods) }) {
		return nil, fmt.Errorf("%d replies to %d requests, and no more", conn.finals(), len(methods))
	}
	conn.send("", 1, Close)
	if !conn.receive(longest, func() bool { return false }) {
		return nil, errors.New("the connection was not closed")
	}
	list, err := conn.replies()
	if err != nil {
		return nil, fmt.Errorf("the client got what is no reply: %w", err)
	}
	for _, m := range list {
		if !m.Whole {
			return nil, fmt.Errorf("a reply was cut: %q", m.First)
		}
	}
	return list, nil
}
