package emulator

// keptEntries bounds what is remembered of a kind, so that an emulator under load does not grow without end.
const keptEntries = 10_000

// kept is a map that forgets its oldest entries.
type kept[T any] struct {
	byKey map[string]T
	order []string // oldest first
}

// add adds an entry under a new key, and returns the one that is forgotten for it.
func (k *kept[T]) add(key string, value T) (forgotten T) {
	if k.byKey == nil {
		k.byKey = map[string]T{}
	}
	k.byKey[key] = value
	if k.order = append(k.order, key); len(k.order) > keptEntries {
		forgotten = k.byKey[k.order[0]]
		delete(k.byKey, k.order[0])
		k.order = k.order[1:]
	}
	return forgotten
}
