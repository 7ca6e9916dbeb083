package sdktest

// T is what Run needs of a *testing.T, so that this package can be used where
// package testing must not be linked in.
type T[S any] interface {
	Helper()
	Run(name string, f func(S)) bool
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Run runs every case of a file on the policy's functions, as a subtest each.
func Run[S T[S]](t S, path string, hooks Hooks) {
	t.Helper()
	cases, err := Load(path)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for i := range cases {
		t.Run(cases[i].Name, func(t S) {
			for _, difference := range cases[i].Check(Play(&cases[i], &Native{Hooks: hooks})) {
				t.Errorf("%s", difference)
			}
		})
	}
}
