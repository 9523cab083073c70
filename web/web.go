// Package web carries the built dashboard inside the executable. It knows nothing about the product and
// serves nothing itself: app mounts /dashboard with the files from Dist.
//
// The source is TypeScript under src/; "go generate" builds it into dist/app, which is not committed. A checkout
// where that has not happened still compiles, and Dist says that there is nothing to serve.
package web

import (
	"embed"
	"io/fs"
)

//go:generate go run ./build

//go:embed all:dist
var files embed.FS

// Dist returns the built dashboard and true, or nil and false when it was not built before this binary was
// compiled. index.html is the page for every path of the application; the names under assets/ contain a hash of
// their content and never change; everything else may change with the next build.
func Dist() (fs.FS, bool) {
	app, err := fs.Sub(files, "dist/app")
	if err != nil {
		return nil, false
	}
	if _, err := fs.Stat(app, "index.html"); err != nil {
		return nil, false
	}
	return app, true
}
