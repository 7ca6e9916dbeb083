// Package state keeps what policies remember between exchanges: keys and
// values behind plugins.Store.
//
// Memory keeps them in the process, within a number of bytes. Each policy has a
// scope of its own, split into shards that have a lock and a list by last use each.
// When room is needed the scope that uses most gives up what it used longest
// ago. So a policy that floods the store evicts its own values: one that uses
// less than its even share never loses a value to another.
package state
