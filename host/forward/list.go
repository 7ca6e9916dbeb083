package forward

import "github.com/infinirouter/infinirouter/host/wire"

// nextElement cuts the first element off a comma-separated list.
func nextElement(list []byte) (element, rest []byte) {
	for i, c := range list {
		if c == ',' {
			return wire.Trim(list[:i]), list[i+1:]
		}
	}
	return wire.Trim(list), nil
}
