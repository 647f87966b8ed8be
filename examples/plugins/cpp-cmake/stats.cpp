// SPDX-License-Identifier: Apache-2.0
// acme.stats: what a column of numbers is like: count, sum, mean, deviation, least, median, greatest, percentiles.
//
// C++11 against a header of C: the structures are made by functions, because designated initialisers came later, and no exception
// leaves a function that wfworker calls.
#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <string>
#include <vector>

#define WFW_ABI_MINOR 0
#include <wfworker/plugin.h>

namespace {

const wfw_host *host;

// What fail() is told, thrown to where the call began.
struct failure {
    std::string type, message;
    bool retryable;
};

// A value that is made may be NULL: then there is no memory, or the text is none that JSON can hold.
const wfw_value *made(const wfw_value *v)
{
    if (!v)
        throw std::bad_alloc();
    return v;
}

class object {
public:
    explicit object(wfw_task *task) : task_(task), value_(host->object(task)) { made(value_); }
    void set(const char *key, double number) { set(key, made(host->real(task_, number))); }
    void set(const char *key, const wfw_value *v)
    {
        if (host->set(value_, key, v) != WFW_OK)
            throw std::bad_alloc();
    }
    const wfw_value *get() const { return value_; }

private:
    wfw_task *task_;
    wfw_value *value_;
};

std::vector<double> read_numbers(const wfw_value *list)
{
    std::vector<double> numbers;
    numbers.reserve(host->length(list));
    for (std::size_t i = 0; i < host->length(list); i++) {
        double n;
        if (host->get_real(host->item(list, i, nullptr), "", &n) != WFW_OK)
            throw failure{"no_number", "/values/" + std::to_string(i) + " is not a number", false};
        numbers.push_back(n);
    }
    return numbers;
}

// Linear interpolation between closest ranks; sorted is not empty.  (Hyndman and Fan 1996, definition 7.)
double percentile(const std::vector<double> &sorted, double p)
{
    const double rank = p / 100 * static_cast<double>(sorted.size() - 1);
    const std::size_t below = static_cast<std::size_t>(rank);
    const double part = rank - static_cast<double>(below);
    return below + 1 < sorted.size() ? sorted[below] + part * (sorted[below + 1] - sorted[below]) : sorted.back();
}

// Mean and sample deviation in one pass.  (Welford 1962.)
void describe(object &out, const std::vector<double> &numbers)
{
    double mean = 0, squares = 0, sum = 0;
    std::size_t n = 0;
    for (double x : numbers) {
        const double before = x - mean;
        mean += before / static_cast<double>(++n);
        squares += before * (x - mean);
        sum += x;
    }
    if (!std::isfinite(sum) || !std::isfinite(squares))
        throw failure{"not_a_number", "the numbers are too large to be added", false};
    out.set("sum", sum);
    out.set("mean", mean);
    out.set("deviation", n > 1 ? std::sqrt(squares / static_cast<double>(n - 1)) : 0);
}

void stats(wfw_task *task, const wfw_call *call)
{
    std::vector<double> numbers = read_numbers(host->get(call->config, "/values"));
    const wfw_value *wanted = host->get(call->config, "/percentiles");
    object out(task), percentiles(task);
    out.set("count", made(host->integer(task, static_cast<int64_t>(numbers.size()))));
    if (!numbers.empty()) {
        std::sort(numbers.begin(), numbers.end());
        describe(out, numbers);
        out.set("min", numbers.front());
        out.set("median", percentile(numbers, 50));
        out.set("max", numbers.back());
        for (std::size_t i = 0; i < host->length(wanted); i++) {
            double p = 0;
            host->get_real(host->item(wanted, i, nullptr), "", &p);
            percentiles.set(host->text(task, host->item(wanted, i, nullptr), nullptr), percentile(numbers, p));
        }
    }
    out.set("percentiles", percentiles.get());
    host->done(task, out.get(), numbers.empty() ? "empty" : nullptr);
}

void fail(wfw_task *task, const char *type, const char *message, bool retryable)
{
    wfw_error error = wfw_error();
    error.size = sizeof error;
    error.type = type;
    error.message = message;
    error.retryable = retryable;
    host->fail(task, &error);
}

// The border between C and C++: everything that is thrown becomes an outcome.
extern "C" void run(void *, wfw_task *task, const wfw_call *call)
{
    try {
        stats(task, call);
    } catch (const failure &f) {
        fail(task, f.type.c_str(), f.message.c_str(), f.retryable);
    } catch (const std::bad_alloc &) {
        fail(task, "out_of_memory", "there is no memory for the output", true);
    } catch (const std::exception &e) {
        fail(task, "internal_error", e.what(), false);
    }
}

extern "C" int start(const wfw_host *h, const wfw_value *, void **, char *, std::size_t)
{
    host = h;
    return WFW_OK;
}

wfw_node stats_node()
{
    wfw_node n = wfw_node();
    n.size = sizeof n;
    n.type = "acme.stats";
    n.summary = "Describes numbers: mean, deviation, median, percentiles";
    n.config_schema = R"({"type": "object", "required": ["values"], "additionalProperties": false, "properties": {
        "values": {"type": "array", "description": "numbers"},
        "percentiles": {"type": "array", "maxItems": 100, "items": {"type": "number", "minimum": 0, "maximum": 100},
                        "description": "which percentiles are wanted"}}})";
    n.output_schema = R"({"type": "object", "properties": {"count": {"type": "integer"}, "sum": {"type": "number"},
        "mean": {"type": "number"}, "deviation": {"type": "number"}, "min": {"type": "number"}, "median": {"type": "number"},
        "max": {"type": "number"}, "percentiles": {"type": "object"}}})";
    n.examples = R"([{"values": [1, 2, 4], "percentiles": [95]}])";
    n.exec = WFW_EXEC_BLOCKING;
    n.effect = WFW_EFFECT_PURE;
    n.run = run;
    return n;
}
const wfw_node node = stats_node();
const wfw_node *const nodes[] = {&node, nullptr};

wfw_plugin stats_plugin()
{
    wfw_plugin p = wfw_plugin();
    p.size = sizeof p;
    p.name = "acme-stats";
    p.version = "1.0.0";
    p.license = "Apache-2.0";
    p.vendor = "acme";
    p.summary = "Statistics";
    p.nodes = nodes;
    p.init = start;
    return p;
}
const wfw_plugin plugin = stats_plugin();

} // namespace

WFW_PLUGIN(plugin)
