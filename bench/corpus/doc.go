// Package corpus makes request bodies that look like chats: a system prompt,
// turns of user and assistant, sampling parameters around them, of an exact
// length and from a seed, so that the same run can be had again.
package corpus
