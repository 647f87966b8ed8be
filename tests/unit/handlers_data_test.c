/* SPDX-License-Identifier: Apache-2.0 */
/* map, filter, reduce, merge, split, sort, aggregate, dedupe: with the real expression language, every config key, every
 * error text, and long arrays, which must not hold up the loop. */
#include "unit/test.h"

#include "base/json.h"
#include "base/mem.h"
#include "plugin/schema.h"
#include "unit/handler_host.h"

static struct handler_host host;

static int set_up(void **state)
{
    (void)state;
    handler_host_open(&host);
    host.real_expressions = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    handler_host_close(&host);
    return 0;
}

struct expected {
    const char *config, *outcome;
};

/* In the cases ' stands for ", which makes them readable; a real ' is written `. */
static char *quoted(const char *text)
{
    char *copy = xstrdup(text);
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p == '`' ? '\'' : *p;
    return copy;
}

static void check(const char *type, const char *input, const struct expected *cases, size_t count)
{
    CLEANUP_FREE char *data = quoted(input);
    for (size_t i = 0; i < count; i++) {
        CLEANUP_FREE char *config = quoted(cases[i].config);
        CLEANUP_FREE char *outcome = quoted(cases[i].outcome);
        struct handler_run run = {.type = type, .config = config, .input = data};
        assert_string_equal(handler_outcome(&host, &run), outcome);
    }
}
#define CHECK(type, input, cases) check(type, input, cases, ARRAY_LEN(cases))

#define FAIL_OF(type, message) "{'fail':'" type "','message':'" message "','retryable':false}"

/* ---- map, filter, reduce ---- */

#define MAPPED(result) "{'done':{'result':" result ",'transformed':true,'type':'map'}}"

static void map_makes_a_new_array(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{'input_array':'input.n','map_expression':'item * 2'}", MAPPED("[2,4,6]")},
        {"{'input_array':'n','map_expression':'index'}", MAPPED("[0,1,2]")},
        {"{'input_array':'${n}','map_expression':'x => x'}", MAPPED("[1,2,3]")},
        {"{'input_array':'n','map_expression':' ( a , i ) => [a, i]'}", MAPPED("[[1,0],[2,1],[3,2]]")},
        {"{'input_array':'n','map_expression':'(a, i, all) => all.length'}", MAPPED("[3,3,3]")},
        {"{'input_array':'n','map_expression':'x => ({id: x})'}", MAPPED("[{'id':1},{'id':2},{'id':3}]")},
        {"{'input_array':'n','map_expression':'{id: item, of: who}'}",
         MAPPED("[{'id':1,'of':'me'},{'id':2,'of':'me'},{'id':3,'of':'me'}]")},
        {"{'input_array':'n.filter(x => x > 1)','map_expression':'item'}", MAPPED("[2,3]")},
        {"{'input_array':['a',null,{'b':1}],'map_expression':'item'}", MAPPED("['a',null,{'b':1}]")},
        {"{'input_array':[{'a':1},{}],'map_expression':'item.a'}", MAPPED("[1,null]")},
        {"{'input_array':[],'map_expression':'nothing.at.all'}", MAPPED("[]")},
        {"{'input_array':'n','map_expression':7}", MAPPED("[7,7,7]")},
        {"{'input_array':'n','map_expression':'${item}'}", MAPPED("[1,2,3]")},
        {"{'input_array':'n','map_expression':'n.map(item => item + index)'}",
         MAPPED("[[1,2,3],[2,3,4],[3,4,5]]")},
    };
    CHECK("map", "{'n':[1,2,3],'who':'me'}", cases);
}

static void map_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{'input_array':'n'}", FAIL_OF("config_invalid", "map_expression is required for map node")},
        {"{'input_array':'n','map_expression':null}",
         FAIL_OF("config_invalid", "map_expression is required for map node")},
        {"{'input_array':'n','map_expression':' '}",
         FAIL_OF("config_invalid", "map_expression is empty: it must be an expression")},
        {"{'map_expression':'item'}",
         FAIL_OF("type_error", "input_array is missing: it must be an array or an expression that gives one")},
        {"{'map_expression':'item','input_array':null}", FAIL_OF("type_error", "input_array is null, not an array")},
        {"{'map_expression':'item','input_array':5}", FAIL_OF("type_error", "input_array is a number, not an array")},
        {"{'map_expression':'item','input_array':'o'}",
         FAIL_OF("type_error", "input_array \\'o\\' is an object, not an array")},
        {"{'map_expression':'item','input_array':'input.gone'}",
         FAIL_OF("type_error", "input_array \\'input.gone\\' is null, not an array")},
        {"{'map_expression':'item','input_array':'gone'}",
         FAIL_OF("unknown_name", "input_array \\'gone\\': unknown name \\'gone\\', line 1, column 1")},
        {"{'map_expression':'item +','input_array':'n'}",
         FAIL_OF("expression_error",
                 "map_expression \\'item +\\', element 0: unexpected end of the text, line 1, column 7")},
        {"{'map_expression':'x => x.a.b','input_array':[{'a':{}},{}]}",
         FAIL_OF("type_error", "map_expression \\'x.a.b\\', element 1: cannot read \\'b\\' of undefined, line 1, column 5")},
        {"{'map_expression':'1 / item','input_array':[1,0]}",
         FAIL_OF("not_a_number", "map_expression \\'1 / item\\', element 1: the result is Infinity, line 1, column 1")},
    };
    CHECK("map", "{'n':[1,2,3],'o':{}}", cases);
}

#define FILTERED(result) "{'done':{'result':" result ",'filtered':true,'type':'filter'}}"

static void filter_keeps_what_is_true(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{'input_array':'list','filter_condition':'item'}", FILTERED("[1,'x',[],{},true]")},
        {"{'input_array':'list','filter_condition':'not item'}", FILTERED("[0,'',null,false]")},
        {"{'input_array':'list','filter_condition':'index < 2'}", FILTERED("[0,1]")},
        {"{'input_array':'list','filter_condition':'x => isString(x)'}", FILTERED("['','x']")},
        {"{'input_array':'list','filter_condition':false}", FILTERED("[]")},
        {"{'input_array':[],'filter_condition':'item'}", FILTERED("[]")},
        {"{'input_array':'list'}", FAIL_OF("config_invalid", "filter_condition is required for filter node")},
        {"{'input_array':'list','filter_condition':'item.x.y'}",
         FAIL_OF("type_error",
                 "filter_condition \\'item.x.y\\', element 0: cannot read \\'y\\' of undefined, line 1, column 8")},
    };
    CHECK("filter", "{'list':[0,1,'','x',[],{},null,true,false]}", cases);
}

#define REDUCED(result) "{'done':{'result':" result ",'reduced':true,'type':'reduce'}}"

static void reduce_makes_one_value(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{'input_array':'n','reduce_function':'acc + item','initial_value':'0'}", REDUCED("6")},
        {"{'input_array':'n','reduce_function':'acc + item','initial_value':10}", REDUCED("16")},
        {"{'input_array':'n','reduce_function':'acc + item'}", REDUCED("6")},
        {"{'input_array':'n','reduce_function':'acc + index','initial_value':''}", REDUCED("4")},
        {"{'input_array':'n','reduce_function':'(sum, x, i) => sum + x * i','initial_value':'who.length'}",
         REDUCED("10")},
        {"{'input_array':'n','reduce_function':'acc.concat([item, item])','initial_value':'[]'}",
         REDUCED("[1,1,2,2,3,3]")},
        {"{'input_array':'n','reduce_function':'{...acc, [`k` + item]: index}','initial_value':{}}",
         REDUCED("{'k1':0,'k2':1,'k3':2}")},
        {"{'input_array':[],'reduce_function':'acc','initial_value':null}", REDUCED("null")},
        {"{'input_array':[4],'reduce_function':'broken('}", REDUCED("4")},
        {"{'input_array':[],'reduce_function':'acc'}",
         FAIL_OF("type_error", "input_array is empty and there is no initial_value")},
        {"{'input_array':'n','reduce_function':'acc','initial_value':'gone'}",
         FAIL_OF("unknown_name", "initial_value \\'gone\\': unknown name \\'gone\\', line 1, column 1")},
        {"{'input_array':'n','reduce_function':'acc.x.y','initial_value':'0'}",
         FAIL_OF("type_error",
                 "reduce_function \\'acc.x.y\\', element 0: cannot read \\'y\\' of undefined, line 1, column 7")},
        {"{'input_array':'n'}", FAIL_OF("config_invalid", "reduce_function is required for reduce node")},
    };
    CHECK("reduce", "{'n':[1,2,3],'who':'me'}", cases);
}

/* ---- merge ---- */

#define MERGED(result, sources) "{'done':{'result':" result ",'merged':true,'type':'merge','sources':" sources "}}"

static void merge_makes_one_of_many(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{'input_sources':['a','b']}", MERGED("{'x':{'p':1,'q':3,'r':4},'l':[9],'s':1,'t':2}", "2")},
        {"{'input_sources':['b','a'],'merge_strategy':'deep'}", MERGED("{'x':{'q':2,'r':4,'p':1},'l':[1,2],'t':2,'s':1}", "2")},
        {"{'input_sources':['a','b'],'merge_strategy':'shallow'}", MERGED("{'x':{'q':3,'r':4},'l':[9],'s':1,'t':2}", "2")},
        {"{'input_sources':['a.l','b.l','b.t',null,'nothing'],'merge_strategy':'array'}", MERGED("[1,2,9,2]", "5")},
        {"{'input_sources':['node-1',{'k/~':1},{'k/~':{'z':2}}]}", MERGED("{'made':true,'k/~':{'z':2}}", "3")},
        {"{'input_sources':[],'merge_strategy':''}", MERGED("{}", "0")},
        {"{'merge_strategy':'array','input_sources':null}", MERGED("[]", "0")},
        {"{'input_sources':['a','a.l']}",
         FAIL_OF("type_error", "merge_strategy deep needs objects, and one of input_sources is an array")},
        {"{'input_sources':['a','a.s'],'merge_strategy':'shallow'}",
         FAIL_OF("type_error", "merge_strategy shallow needs objects, and one of input_sources is a number")},
        {"{'input_sources':['a','gone']}",
         FAIL_OF("unknown_name", "input_sources[1] \\'gone\\': unknown name \\'gone\\', line 1, column 1")},
        {"{'input_sources':['a'],'merge_strategy':'wide'}",
         FAIL_OF("config_invalid", "merge_strategy \\'wide\\' is not one of deep, shallow, array")},
    };
    CHECK("merge",
          "{'a':{'x':{'p':1,'q':2},'l':[1,2],'s':1},'b':{'x':{'q':3,'r':4},'l':[9],'t':2},'nothing':null,"
          "'node-1_output':{'made':true}}",
          cases);
}

/* ---- split ---- */

#define SPLIT(result, count) "{'done':{'result':" result ",'split':true,'type':'split','count':" count "}}"

static void split_by_key(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{'input_array':'list','split_strategy':'by_key','split_config':{'key':'c'}}",
         SPLIT("{'de':[{'c':'de','n':1},{'c':'de','n':3}],'fr':[{'c':'fr','n':2}],'null':[{'n':4}]}", "3")},
        {"{'input_array':'list','split_config':{'key':'item.n % 2'}}",
         SPLIT("{'1':[{'c':'de','n':1},{'c':'de','n':3}],'0':[{'c':'fr','n':2},{'n':4}]}", "2")},
        {"{'split_config':{'input_array':'list','key':'x => x.n > 3'}}",
         SPLIT("{'false':[{'c':'de','n':1},{'c':'fr','n':2},{'c':'de','n':3}],'true':[{'n':4}]}", "2")},
        {"{'input_array':['a/b','a~b','a/b'],'split_config':{'key':'item'}}",
         SPLIT("{'a/b':['a/b','a/b'],'a~b':['a~b']}", "2")},
        {"{'input_array':[],'split_config':{'key':'c'}}", SPLIT("{}", "0")},
        {"{'input_array':'list','split_config':{}}",
         FAIL_OF("config_invalid", "split_config.key is required for split_strategy by_key")},
        {"{'input_array':'list'}", FAIL_OF("config_invalid", "split_config.key is required for split_strategy by_key")},
        {"{'split_config':{'key':'c'}}",
         FAIL_OF("type_error", "input_array is missing: it must be an array or an expression that gives one")},
        {"{'input_array':[null],'split_config':{'key':'c'}}",
         FAIL_OF("type_error", "split_config.key \\'item.c\\', element 0: cannot read \\'c\\' of null, line 1, column 6")},
        {"{'input_array':'list','split_strategy':'by_name'}",
         FAIL_OF("config_invalid", "split_strategy \\'by_name\\' is not one of by_key, by_size, by_condition")},
    };
    CHECK("split", "{'list':[{'c':'de','n':1},{'c':'fr','n':2},{'c':'de','n':3},{'n':4}]}", cases);
}

static void split_by_size_and_condition(void **state)
{
    (void)state;
#define BY_SIZE(size) "{'input_array':'n','split_strategy':'by_size','split_config':{'size':" size "}}"
#define BY_CONDITION(config) "{'input_array':'n','split_strategy':'by_condition','split_config':" config "}"
    static const struct expected cases[] = {
        {BY_SIZE("2"), SPLIT("[[1,2],[3,4],[5]]", "3")},
        {BY_SIZE("5"), SPLIT("[[1,2,3,4,5]]", "1")},
        {BY_SIZE("1000"), SPLIT("[[1,2,3,4,5]]", "1")},
        {BY_SIZE("0"), FAIL_OF("config_invalid", "split_config.size is 0: it must be a whole number from 1")},
        {BY_SIZE("'x'"), FAIL_OF("config_invalid", "split_config.size is \\'x\\': it must be a whole number from 1")},
        {BY_SIZE("null"), FAIL_OF("config_invalid", "split_config.size is required for split_strategy by_size")},
        {"{'input_array':[],'split_strategy':'by_size','split_config':{'size':2}}", SPLIT("[]", "0")},
        {BY_CONDITION("{'condition':'item > 3'}"), SPLIT("{'true':[4,5],'false':[1,2,3]}", "2")},
        {BY_CONDITION("{'conditions':{'big':'item > 3','even':'item % 2 == 0','none':'false'}}"),
         SPLIT("{'big':[4,5],'even':[2],'none':[],'default':[1,3]}", "4")},
        {BY_CONDITION("{'conditions':{'default':'true'}}"),
         FAIL_OF("config_invalid", "split_config.conditions must be an object of 1 to 100 expressions, without the name "
                                   "default")},
        {BY_CONDITION("{'conditions':{'big':'item >'}}"),
         FAIL_OF("expression_error", "split_config.conditions \\'item >\\', element 0: unexpected end of the text, "
                                     "line 1, column 7")},
        {BY_CONDITION("{}"),
         FAIL_OF("config_invalid", "split_config.conditions is required for split_strategy by_condition")},
    };
    CHECK("split", "{'n':[1,2,3,4,5]}", cases);
}

/* ---- sort, aggregate, dedupe ---- */

#define SORTED(result) "{'done':{'result':" result ",'type':'sort'}}"

static void sort_puts_in_order(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{'input_array':[3,1.5,null,-2,10]}", SORTED("[-2,1.5,3,10,null]")},
        {"{'input_array':[3,1.5,null,-2,10],'order':'desc'}", SORTED("[10,3,1.5,-2,null]")},
        {"{'input_array':['b','a','B','\u00e9','\U0001f600','']}", SORTED("['','B','a','b','\u00e9','\U0001f600']")},
        {"{'input_array':[true,false,true]}", SORTED("[false,true,true]")},
        {"{'input_array':[9007199254740993,9007199254740992]}", SORTED("[9007199254740992,9007199254740993]")},
        {"{'input_array':'p','sort_by':'b'}",
         SORTED("[{'a':'x','b':1},{'a':'y','b':1},{'a':'x','b':2},{'a':'w'}]")},
        {"{'input_array':'p','sort_by':['a',{'by':'x => x.b','order':'desc'}]}",
         SORTED("[{'a':'w'},{'a':'x','b':2},{'a':'x','b':1},{'a':'y','b':1}]")},
        {"{'input_array':'p','sort_by':['item.a','b'],'order':'desc'}",
         SORTED("[{'a':'y','b':1},{'a':'x','b':2},{'a':'x','b':1},{'a':'w'}]")},
        {"{'input_array':'p','sort_by':{'by':'index','order':'desc'}}",
         SORTED("[{'a':'w'},{'a':'y','b':1},{'a':'x','b':1},{'a':'x','b':2}]")},
        {"{'input_array':[]}", SORTED("[]")},
        {"{'input_array':[1,'a']}",
         FAIL_OF("type_error", "sort_by \\'item\\', element 1: it is a string, while those before it are of another type")},
        {"{'input_array':[[1]]}", FAIL_OF("type_error", "sort_by \\'item\\', element 0: it is an array, which has no order")},
        {"{'input_array':[1],'order':'up'}", FAIL_OF("config_invalid", "order \\'up\\' is not one of asc, desc")},
        {"{'input_array':[1],'sort_by':[]}", FAIL_OF("config_invalid", "sort_by must have 1 to 16 keys")},
        {"{'input_array':[1],'sort_by':[{}]}", FAIL_OF("config_invalid", "sort_by[0].by is required")},
        {"{'input_array':[1],'sort_by':[[1]]}",
         FAIL_OF("config_invalid", "sort_by is an array: it must be an expression")},
    };
    CHECK("sort", "{'p':[{'a':'x','b':2},{'a':'x','b':1},{'a':'y','b':1},{'a':'w'}]}", cases);
}

#define ROWS(result) "{'done':{'result':" result ",'type':'aggregate'}}"

static void aggregate_makes_groups(void **state)
{
    (void)state;
#define FIGURES(figures) "{'input_array':'o','group_by':'c','aggregations':" figures "}"
    static const struct expected cases[] = {
        {"{'input_array':'o','group_by':'c'}", ROWS("[{'c':'de','count':3},{'c':'fr','count':1}]")},
        {"{'input_array':'o'}", ROWS("[{'count':4}]")},
        {"{'input_array':[],'aggregations':{'n':'count','s':'sum(x)','a':'avg(x)','m':'max(x)','l':'list','f':'first'}}",
         ROWS("[{'n':0,'s':0,'a':null,'m':null,'l':[],'f':null}]")},
        {"{'input_array':[],'group_by':'c'}", ROWS("[]")},
        {FIGURES("{'n':'count','with':'count(p)','sum':'sum(p)','avg':'avg(item.p)','min':'min(p)','max':'max(x => x.p)'}"),
         ROWS("[{'c':'de','n':3,'with':2,'sum':5,'avg':2.5,'min':2,'max':3},"
              "{'c':'fr','n':1,'with':1,'sum':0.5,'avg':0.5,'min':0.5,'max':0.5}]")},
        {FIGURES("{'f':'first(p)','l':'last(p)','all':'list(p)','t':'min(c)'}"),
         ROWS("[{'c':'de','f':2,'l':null,'all':[2,3,null],'t':'de'},{'c':'fr','f':0.5,'l':0.5,'all':[0.5],'t':'fr'}]")},
        {FIGURES("{'e':'last'}"), ROWS("[{'c':'de','e':{'c':'de'}},{'c':'fr','e':{'c':'fr','p':0.5}}]")},
        {"{'input_array':'o','group_by':['c','not item.p']}",
         ROWS("[{'c':'de','key':false,'count':2},{'c':'fr','key':false,'count':1},{'c':'de','key':true,'count':1}]")},
        {"{'input_array':[1,1.0,'1',{'a':1,'b':2},{'b':2,'a':1}],'group_by':{'k':'item'}}",
         ROWS("[{'k':1,'count':2},{'k':'1','count':1},{'k':{'a':1,'b':2},'count':2}]")},
        {"{'input_array':[9007199254740993,0],'aggregations':{'s':'sum(item)'}}", ROWS("[{'s':9007199254740993}]")},
        {"{'input_array':[1e100,1,-1e100],'aggregations':{'s':'sum(item)'}}", ROWS("[{'s':1}]")},
        {"{'input_array':[9223372036854775807,1],'aggregations':{'s':'sum(item)'}}",
         ROWS("[{'s':9.223372036854776e+18}]")},
        {FIGURES("{'c':'count'}"), FAIL_OF("config_invalid", "aggregations.c has the name of a key of group_by")},
        {FIGURES("{'s':'sum'}"),
         FAIL_OF("config_invalid", "aggregations.s \\'sum\\': sum of what? Write \\'sum(item.price)\\'")},
        {FIGURES("{'s':'median(p)'}"),
         FAIL_OF("config_invalid", "aggregations.s \\'median(p)\\': it must be count, sum, avg, min, max, first, last or "
                                   "list, as in \\'sum(item.price)\\'")},
        {FIGURES("{'s':'sum(p'}"),
         FAIL_OF("config_invalid", "aggregations.s \\'sum(p\\': it must be count, sum, avg, min, max, first, last or "
                                   "list, as in \\'sum(item.price)\\'")},
        {FIGURES("{'s':5}"), FAIL_OF("config_invalid", "aggregations.s is a number, not a string")},
        {FIGURES("{}"), FAIL_OF("config_invalid", "aggregations must have 1 to 64 members")},
        {FIGURES("{'s':'sum(c)'}"),
         FAIL_OF("type_error", "sum of \\'item.c\\', element 0: it is a string, not a number")},
        {"{'input_array':[1,'a'],'aggregations':{'m':'min(item)'}}",
         FAIL_OF("type_error", "min of \\'item\\', element 1: it is a string, not a number as those before it")},
        {"{'input_array':[1e308,1e308],'aggregations':{'m':'sum(item)'}}",
         FAIL_OF("not_a_number", "sum of \\'item\\' is not a finite number")},
        {"{'input_array':'o','group_by':['c','item.c']}",
         FAIL_OF("config_invalid", "group_by has two keys named c: give names, {\\'name\\': \\'expression\\'}")},
    };
    CHECK("aggregate", "{'o':[{'c':'de','p':2},{'c':'fr','p':0.5},{'c':'de','p':3},{'c':'de'}]}", cases);
}

#define DEDUPED(result, removed) "{'done':{'result':" result ",'type':'dedupe','removed':" removed "}}"

static void dedupe_keeps_one_of_equals(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{'input_array':[1,2,1,1.0,'1',null,null,true]}", DEDUPED("[1,2,'1',null,true]", "3")},
        {"{'input_array':[{'a':[1],'b':'x'},{'b':'x','a':[1]},{'a':[[1]],'b':'x'}]}",
         DEDUPED("[{'a':[1],'b':'x'},{'a':[[1]],'b':'x'}]", "1")},
        {"{'input_array':['a/b','a~1b','a/b','a~0b','a\\u0001sb']}",
         DEDUPED("['a/b','a~1b','a~0b','a\\u0001sb']", "1")},
        {"{'input_array':'e','dedupe_by':'id'}", DEDUPED("[{'id':1,'v':1},{'id':2,'v':2}]", "1")},
        {"{'input_array':'e','dedupe_by':'id','keep':'last'}", DEDUPED("[{'id':2,'v':2},{'id':1,'v':3}]", "1")},
        {"{'input_array':'e','dedupe_by':'x => x.v % 2'}", DEDUPED("[{'id':1,'v':1},{'id':2,'v':2}]", "1")},
        {"{'input_array':[]}", DEDUPED("[]", "0")},
        {"{'input_array':'e','keep':'best'}", FAIL_OF("config_invalid", "keep \\'best\\' is not one of first, last")},
        {"{'input_array':'e','dedupe_by':'id.x.y'}",
         FAIL_OF("unknown_name", "dedupe_by \\'id.x.y\\', element 0: unknown name \\'id\\', line 1, column 1")},
    };
    CHECK("dedupe", "{'e':[{'id':1,'v':1},{'id':2,'v':2},{'id':1,'v':3}]}", cases);
}

/* ---- variables ---- */

#define SET(name, value, scope)                                                                                        \
    "{'done':{'variable_name':'" name "','value':" value ",'scope':'" scope "'},'variables':[['" name "','" scope      \
    "'," value "]]}"
#define GOT(value, scope) "{'done':{'variable_name':'n','value':" value ",'scope':'" scope "'}}"

static void variables_are_set(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"{'variable_name':'n','variable_value':5}", SET("n", "5", "workflow")},
        {"{'variable_name':'n','variable_value':{'a':[null]},'variable_scope':'loop'}",
         SET("n", "{'a':[null]}", "loop")},
        {"{'variable_name':'a b','variable_value':'x','variable_scope':'node'}", SET("a b", "'x'", "node")},
        {"{'variable_name':'n','variable_scope':null}", SET("n", "null", "workflow")},
        {"{'variable_name':'n','variable_value':1,'variable_scope':'global'}",
         FAIL_OF("config_invalid", "variable_scope \\'global\\' is not one of workflow, loop, node")},
        {"{'variable_name':''}", FAIL_OF("config_invalid", "variable_name is required for set_variable node")},
        {"{}", FAIL_OF("config_invalid", "variable_name is required for set_variable node")},
    };
    CHECK("set_variable", "{}", cases);
    CLEANUP_FREE char *config = xasprintf("{\"variable_name\":\"%0300d\"}", 7);
    struct handler_run run = {.type = "set_variable", .config = config};
    assert_string_equal(handler_outcome(&host, &run),
                        "{\"fail\":\"config_invalid\",\"message\":\"variable_name "
                        "\\\"00000000000000000000000000000000...\\\" is longer than 256 bytes\",\"retryable\":false}");
}

static void variables_are_read(void **state)
{
    (void)state;
    js_set(host.variables, "nearest n", json_integer(1));
    js_set(host.variables, "workflow n", json_null());
    js_set(host.variables, "loop n", json_string("x"));
    static const struct expected cases[] = {
        {"{'variable_name':'n'}", GOT("1", "nearest")},
        {"{'variable_name':'n','variable_scope':'workflow','default_value':9}", GOT("null", "workflow")},
        {"{'variable_name':'n','variable_scope':'loop'}", GOT("'x'", "loop")},
        {"{'variable_name':'n','variable_scope':'node','default_value':9}", GOT("9", "node")},
        {"{'variable_name':'n','variable_scope':'node','default_value':null}", GOT("null", "node")},
        {"{'variable_name':'n','variable_scope':'node'}",
         FAIL_OF("unknown_name", "variable \\'n\\' is not set in scope node, and there is no default_value")},
        {"{'variable_name':'m'}",
         FAIL_OF("unknown_name", "variable \\'m\\' is not set, and there is no default_value")},
        {"{'variable_name':'n','variable_scope':'all'}",
         FAIL_OF("config_invalid", "variable_scope \\'all\\' is not one of nearest, workflow, loop, node")},
        {"{}", FAIL_OF("config_invalid", "variable_name is required for get_variable node")},
    };
    CHECK("get_variable", "{}", cases);
}

/* ---- long arrays ---- */

#define MANY 100000

static char *long_input(void)
{
    CLEANUP_JSON json_t *input = json_object();
    json_t *list = json_array();
    for (int i = 0; i < MANY; i++)
        js_push(list, json_integer((i * INT64_C(7919)) % MANY));
    js_set(input, "list", list);
    return js_text(input);
}

static json_t *result_of(const char *type, const char *config, const char *input)
{
    struct handler_run run = {.type = type, .config = config, .input = input};
    CLEANUP_JSON json_t *outcome = json_loads(handler_outcome(&host, &run), 0, NULL);
    json_t *result = json_object_get(json_object_get(outcome, "done"), "result");
    if (!result)
        fail_msg("%s: %.300s", type, host.outcome);
    return json_incref(result);
}

static void many_elements_do_not_hold_up_the_loop(void **state)
{
    (void)state;
    CLEANUP_FREE char *input = long_input();
    size_t turns = 0;
    CLEANUP_JSON json_t *sorted = result_of("sort", "{\"input_array\":\"list\"}", input);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(json_integer_value(json_array_get(sorted, (size_t)i)), i);
    turns += host.turns;
    CLEANUP_JSON json_t *mapped =
        result_of("map", "{\"input_array\":\"list\",\"map_expression\":\"{i: index, s: str(item)}\"}", input);
    assert_int_equal(json_array_size(mapped), MANY);
    assert_int_equal(js_int(json_array_get(mapped, MANY - 1), "i", -1), MANY - 1);
    turns += host.turns;
    CLEANUP_JSON json_t *sum =
        result_of("reduce", "{\"input_array\":\"list\",\"reduce_function\":\"acc + item\"}", input);
    assert_int_equal((int64_t)json_number_value(sum), INT64_C(4999950000));
    CLEANUP_JSON json_t *groups =
        result_of("aggregate", "{\"input_array\":\"list\",\"group_by\":\"item % 1000\"}", input);
    assert_int_equal(json_array_size(groups), 1000);
    CLEANUP_JSON json_t *unique = result_of("dedupe", "{\"input_array\":\"list\",\"dedupe_by\":\"item % 10\"}", input);
    assert_int_equal(json_array_size(unique), 10);
    assert_true(turns > 4); /* it was left and taken up again */
}

/* A result that grows without end is stopped before memory is. */
static void results_are_limited(void **state)
{
    (void)state;
    CLEANUP_FREE char *input = long_input();
    struct handler_run run = {
        .type = "map", .config = "{\"input_array\":\"list\",\"map_expression\":\"'x'.repeat(100000)\"}", .input = input};
    assert_string_equal(handler_outcome(&host, &run),
                        "{\"fail\":\"payload_too_large\",\"message\":\"the result is larger than 16777216 bytes\","
                        "\"retryable\":false}");
}

static void documentation_is_json(void **state)
{
    (void)state;
    static const char *const types[] = {"map",   "filter", "reduce",    "merge",
                                        "split", "sort",   "aggregate", "dedupe", "set_variable", "get_variable"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const struct handler *h = registry_find(host.registry, types[i]);
        const struct wfw_node *n = h->node;
        struct error e = ERROR_INIT;
        CLEANUP_JSON json_t *output = json_loads(n->output_schema, 0, NULL),
                            *examples = json_loads(n->examples, 0, NULL);
        assert_true(json_is_object(output));
        assert_true(json_array_size(examples) > 0);
        for (size_t k = 0; k < json_array_size(examples); k++) {
            CLEANUP_JSON json_t *unknown = json_array();
            if (schema_check(h->config_schema, json_array_get(examples, k), &e) != 0)
                fail_msg("%s: %s", types[i], e.message);
            schema_unknown_keys(h->config_schema, json_array_get(examples, k), unknown);
            assert_int_equal(json_array_size(unknown), 0);
        }
        assert_true(n->summary[0] && n->description[0]);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(map_makes_a_new_array),
        TEST(map_says_what_is_wrong),
        TEST(filter_keeps_what_is_true),
        TEST(reduce_makes_one_value),
        TEST(merge_makes_one_of_many),
        TEST(split_by_key),
        TEST(split_by_size_and_condition),
        TEST(sort_puts_in_order),
        TEST(aggregate_makes_groups),
        TEST(dedupe_keeps_one_of_equals),
        TEST(variables_are_set),
        TEST(variables_are_read),
        TEST(many_elements_do_not_hold_up_the_loop),
        TEST(results_are_limited),
        TEST(documentation_is_json),
    };
    return cmocka_run_group_tests_name("handlers_data", tests, NULL, NULL);
}
