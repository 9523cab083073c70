package advisor

import "slices"

// RuleIDs are the names of all rules, sorted.
func RuleIDs() (ids []string) {
	for _, r := range allRules() {
		ids = append(ids, r.id)
	}
	slices.Sort(ids)
	return ids
}
