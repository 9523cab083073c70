//go:build bundled

package bundle

import _ "embed" // for the runtime

//go:embed postgres_darwin_arm64.tar.zst
var postgresArchive string

//go:embed postgres_darwin_arm64.json
var postgresInfo string
