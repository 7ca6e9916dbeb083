package sandbox

import (
	"errors"
	"reflect"

	"github.com/tetratelabs/wazero/api"

	"github.com/infinirouter/infinirouter/plugins"
)

// A guest's calls stand on a stack that wazero allocates for each api.Function
// and, whenever it is full, copies into one twice as large, up to 400 MB. wazero
// has no limit of ours in that and no method that tells how large a stack is.
// Its size is therefore read from wazero's own field, between two slices of
// fuel: within one a guest gets a thousand calls deeper at most.

// findStack returns the index of the field that holds the stack. An error is
// for a wazero that keeps it elsewhere: no policy may run unbounded then.
func findStack(f api.Function) (int, error) {
	if v := reflect.ValueOf(f); v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		if field, ok := v.Elem().Type().FieldByName("stack"); ok && field.Type == reflect.TypeFor[[]byte]() {
			return field.Index[0], nil
		}
	}
	return 0, errors.New("wazero keeps the stack of calls where the router cannot see how large it is")
}

// stackSize is how many bytes the guest's present call has got for its stack.
func (in *instance) stackSize() int64 {
	return int64(reflect.ValueOf(in.functions[in.running]).Elem().Field(in.stackField).Len())
}

// work is called when the host uses up a slice of fuel on the guest's behalf.
func (in *instance) work() {
	in.call.Detach()
	in.room.aside()
}

// visit is called when the guest has used up a slice of fuel. It does not return
// to one whose calls are too deep.
func (in *instance) visit() {
	in.call.Fuel().Drawn()
	if size := in.stackSize(); size > in.stackLimit {
		in.call.Stop(plugins.FailureLimit, "its stack of calls takes %d bytes, the limit is %d (policies.limits.stack)", size, in.stackLimit)
	}
	in.call.Detach()
	in.room.turn()
}
