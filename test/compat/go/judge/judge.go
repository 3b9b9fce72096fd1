// Package judge runs cases against a broker and prints one line of JSON for each: {"case", "ok", "ms", "error"}.
package judge

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type verdict struct {
	Case  string `json:"case"`
	Ok    bool   `json:"ok"`
	Ms    int64  `json:"ms"`
	Error string `json:"error,omitempty"`
}

type entry struct {
	name string
	body func()
}

var (
	cases []entry
	names atomic.Int64
	out   sync.Mutex
)

// Case registers a case: it fails when its body panics.
func Case(name string, body func()) { cases = append(cases, entry{name, body}) }

// Bootstrap is the broker to judge: the first argument of the program.
func Bootstrap() string { return os.Args[1] }

// Fresh makes a name that nothing else uses, on a broker that keeps what it was given.
func Fresh(stem string) string { return fmt.Sprintf("judge-%s-%d-%d", stem, os.Getpid(), names.Add(1)) }

// Main runs the cases whose name contains the second argument, four at a time.
func Main() {
	wanted := ""
	if len(os.Args) > 2 {
		wanted = os.Args[2]
	}
	slots := make(chan struct{}, 4)
	var all sync.WaitGroup
	for _, one := range cases {
		if !strings.Contains(one.name, wanted) {
			continue
		}
		all.Add(1)
		slots <- struct{}{}
		go func() {
			defer all.Done()
			run(one)
			<-slots
		}()
	}
	all.Wait()
}

func run(one entry) {
	started := time.Now()
	answer := verdict{Case: one.name, Ok: true}
	func() {
		defer func() {
			if thrown := recover(); thrown != nil {
				answer.Ok = false
				answer.Error = fmt.Sprintf("%v\n%s", thrown, debug.Stack())
			}
		}()
		one.body()
	}()
	answer.Ms = time.Since(started).Milliseconds()
	line, _ := json.Marshal(answer)
	out.Lock()
	defer out.Unlock()
	fmt.Println(string(line))
}

// Must panics with an error.
func Must(err error, what string) {
	if err != nil {
		panic(fmt.Sprintf("%s: %v", what, err))
	}
}

// Equal panics when the two print differently.
func Equal(actual, expected any, what string) {
	if fmt.Sprint(actual) != fmt.Sprint(expected) {
		panic(fmt.Sprintf("%s: expected %v but got %v", what, expected, actual))
	}
}

// Until polls a condition.
func Until(what string, limit time.Duration, condition func() bool) {
	end := time.Now().Add(limit)
	for !condition() {
		if time.Now().After(end) {
			panic(fmt.Sprintf("not within %s: %s", limit, what))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Values are `stem-0`, `stem-1` …
func Values(stem string, count int) []string {
	values := make([]string, count)
	for i := range values {
		values[i] = fmt.Sprintf("%s-%d", stem, i)
	}
	return values
}

// Sorted is a sorted copy.
func Sorted(values []string) []string {
	sorted := append([]string{}, values...)
	sort.Strings(sorted)
	return sorted
}
