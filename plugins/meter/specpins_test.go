package meter

// specRefusals are the rules by which we refuse a module that the suite has, and
// specCounts what became of the commands, both by version of the suite. They are
// pinned so that nothing is left out unseen.
var (
	specRefusals = map[string]map[string]int{
		"v1": {},
		"v2": {
			"too many tables":                                                73,
			"more than one table":                                            2,
			"only a table of functions is accepted":                          5,
			"reference types are not accepted":                               26,
			"element segment of reference expressions or of an unknown kind": 6,
		},
	}
	specCounts = map[string]map[string]int{
		"v1": {
			"action: same":                      42,
			"assert_exhaustion: same":           15,
			"assert_invalid: refused":           159,
			"assert_invalid: refused by wazero": 830,
			"assert_malformed: refused":         661,
			"assert_malformed: text":            430,
			"assert_return: same":               15_788,
			"assert_trap: same":                 458,
			"assert_uninstantiable: same":       2,
			"assert_unlinkable: same":           95,
			"module: same":                      780,
			"register: done":                    10,
		},
		"v2": {
			"action: module refused":                           46,
			"action: same":                                     109,
			"assert_exhaustion: same":                          15,
			"assert_invalid: refused":                          344,
			"assert_invalid: refused by wazero":                1802,
			"assert_malformed: refused":                        719,
			"assert_malformed: text":                           1091,
			"assert_return: module refused":                    895,
			"assert_return: same":                              44_839,
			"assert_trap: module refused":                      905,
			"assert_trap: same":                                1503,
			"assert_uninstantiable: same":                      34,
			"assert_unlinkable: imports from a module refused": 51,
			"assert_unlinkable: refused":                       5,
			"assert_unlinkable: same":                          27,
			"module: imports from a module refused":            26,
			"module: refused":                                  107,
			"module: same":                                     1466,
			"register: done":                                   22,
		},
	}
)
