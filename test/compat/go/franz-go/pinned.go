// Package pinned keeps franz-go in go.mod: its own tests are run, nothing here calls it.
package pinned

import _ "github.com/twmb/franz-go/pkg/kgo"
