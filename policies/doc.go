// Package policies is the folder of the policies that InfiniRouter ships, one
// package main each, and of what is compiled from them: NAME.wasm beside NAME.
// An operator drops his own .wasm files here too.
//
// They are examples as much as products: each uses package sdk alone, keeps its
// config in package variables that setup fills in and nothing changes later,
// and has its test as data in testdata/cases.json, which runs natively and on
// the compiled module with the same results.
package policies
