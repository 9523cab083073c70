package bundle

import "fmt"

// ArchiveInfo describes an embedded archive; the generator writes it as JSON
// beside the archive, so that a start does not hash what it carries.
type ArchiveInfo struct {
	Name    string `json:"name"`    // "postgres"
	Version string `json:"version"` // of the package
	Release string `json:"release"` // of the program
	SHA256  string `json:"sha256"`  // of the archive, hex
	Source  string `json:"source"`  // name in the cache of what it was packed from
}

// DirName is the cache directory the archive is unpacked to.
func (a ArchiveInfo) DirName() string {
	return fmt.Sprintf("%s-%s-%.8s", a.Name, a.Version, a.SHA256)
}
