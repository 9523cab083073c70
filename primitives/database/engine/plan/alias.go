package plan

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// maxName is the length of Postgres's identifiers in bytes; what is longer is
// cut off without an error.
const maxName = 63

// alias names a subquery or table of a depth. A name whose depth would be cut
// off, or that has a zero byte, where it would end, is shortened: a hash stands
// in for what it loses.
func alias(name string, depth int) string {
	suffix := "_" + strconv.Itoa(depth)
	if len(name)+len(suffix) <= maxName && strings.IndexByte(name, 0) < 0 {
		return name + suffix
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name)) // it never fails
	suffix = fmt.Sprintf("_%08x%s", hash.Sum32(), suffix)
	name = strings.ReplaceAll(name, "\x00", "")
	return strings.ToValidUTF8(name[:min(len(name), maxName-len(suffix))], "") + suffix
}
