// Package web holds the built web app. Without a build, it holds a page that says how
// to make one, so that Go programs and tests need no Node.
package web

import (
	"embed"
	"io/fs"
)

// The pattern is dist, where the build lands, and placeholder: a pattern that names
// dist alone would not compile where there is no build.
//
//go:embed all:[dp][il]*
var files embed.FS

// App is the built app, or the placeholder when there is no build.
func App() fs.FS {
	for _, dir := range []string{"dist", "placeholder"} {
		app, err := fs.Sub(files, dir)
		if err != nil {
			continue // not a path, which a literal cannot be
		}
		if _, err := fs.Stat(app, "index.html"); err == nil {
			return app
		}
	}
	return files // has no index.html, which its user refuses with a reason
}

// Built reports whether App is the real app.
func Built() bool {
	_, err := fs.Stat(files, "dist/index.html")
	return err == nil
}
