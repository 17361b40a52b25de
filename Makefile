# The Zen lab kit, for GNU make. What can be made:
## make              build all programs
## make NAME         build one program (make zens) and say how to run it
## make framing      build the six programs of framing/
## make demo         run each server with its client, and show what both print
## make test         run all tests
## make test-NAME    run the tests of one program (make test-zens), or of framing
## make check-lab    do all that LAB.md and README.md say, and compare (ONLY='mzts': such titles only;
##                   NEWCOMER=1: one after the other, in one copy in which nothing is built yet)
## make faults       run the tests of what every program survives (as root they are more)
## make fuzz TIME=60  let libFuzzer (clang++) look for bad input, for so many seconds a target
## make soak SERVER=tae TIME=600 SEED=1
##                   a mix of polite and hostile clients for so many seconds (60), by that seed
## make grade        grade these programs, as an instructor would; or make grade-NAME (make grade-tas)
## make grade FROM=DIR        grade a submission: a directory with tas/tas.cpp and so on
## make grade-class FROM=DIR  grade each subdirectory of DIR; results in build/grades/
## make gradescope   write the files of a Gradescope autograder into build/gradescope/
## make check-grader  grade wrong and right programs (tests/wrong, tests/right) to test the grader
## make bench        measure the servers, in two minutes; QUICK=1: in 20 s; or make bench-tae
## make lint         look for mistakes with clang-tidy, cppcheck and g++ -fanalyzer; or make lint-zens
## make clean        remove everything that make has built
## make help         print this list
## Options: CXX=clang++, CXXFLAGS='-O0 -g', SAN=address,undefined or SAN=thread (built in build/)

TCP_SERVERS := zens mzts sszt tas tap tae
UDP_SERVERS := zus mzus sszu uas uap uae
CLIENTS := zenc zuc
FRAMING_SERVERS := abs ads afs
FRAMING_CLIENTS := abc adc afc
FRAMING := $(FRAMING_SERVERS) $(FRAMING_CLIENTS)
ZEN := $(TCP_SERVERS) $(UDP_SERVERS) $(CLIENTS)
NAMES := $(ZEN) $(FRAMING)
EXERCISES := $(ZEN) framing
MEASURED := $(TCP_SERVERS) $(UDP_SERVERS)

CXXFLAGS ?= -O2 -g
FLAGS := -std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -pthread $(CXXFLAGS) \
         $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)

SYSTEM := $(shell uname -s)

# The kit's programs stand beside their sources; with SAN, everything is built in a place of its own.
BUILD := build$(if $(SAN),/$(SAN))
KIT := $(if $(SAN),$(BUILD),.)
FILES := $(foreach name,$(ZEN),$(name)/$(name)) $(FRAMING:%=framing/%)
PROGRAMS := $(FILES:%=$(KIT)/%)

ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL: # make -j clean all: one after the other
endif

.PHONY: all help clean demo test check-lab faults fuzz soak bench lint grade grade-class grader gradescope check-grader FORCE framing \
        $(NAMES) $(NAMES:%=test-%) test-framing $(MEASURED:%=bench-%) $(EXERCISES:%=grade-%)
all: $(PROGRAMS)

# ---- The programs: one source each, and the headers
$(PROGRAMS): $(KIT)/%: %.cpp $(BUILD)/flags
	$(if $(filter Linux,$(SYSTEM)),,$(error $(@F) needs Linux ($(if $(filter %ae,$@),epoll,ppoll)), this is \
	    $(SYSTEM): LAB.md tells how to use a container))
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -MMD -MP -MF $(BUILD)/$(@F).d -o $@ $<

$(foreach file,$(FILES),$(eval $(notdir $(file)): $(KIT)/$(file)))
framing: $(FRAMING)
$(TCP_SERVERS): ; @echo "Run it:  $(KIT)/$@/$@    and in another terminal:  ./zenc/zenc   (make zenc)"
$(UDP_SERVERS): ; @echo "Run it:  $(KIT)/$@/$@    and in another terminal:  ./zuc/zuc   (make zuc)"
zenc: ; @echo "Run it:  $(KIT)/$@/$@    while a TCP server runs in another terminal:  ./zens/zens   (make zens)"
zuc: ; @echo "Run it:  $(KIT)/$@/$@    while a UDP server runs in another terminal:  ./zus/zus   (make zus)"
$(FRAMING_SERVERS): ; @echo "Run it:  $(KIT)/framing/$@    and in another terminal:  ./framing/$(@:%s=%c)   (make $(@:%s=%c))"
$(FRAMING_CLIENTS): ; @echo "Run it:  $(KIT)/framing/$@    while its server runs in another terminal:  ./framing/$(@:%c=%s)   (make $(@:%c=%s))"

# Another compiler or other flags rebuild everything: this file changes only when they do.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CXX) $(FLAGS)' | cmp -s - $@ || echo '$(CXX) $(FLAGS)' > $@

# ---- The tests: with the prebuilt main of Catch2 3 or 2, where there is one
LAB := $(BUILD)/tests/lab/check
SUPPORT := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard tests/support/*.cpp))
TESTS := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard tests/test_*.cpp) tests/listener.cpp)
BENCH := $(patsubst %.cpp,$(BUILD)/%.o,$(filter-out %/bench.cpp %/yardstick_tcp.cpp %/yardstick_udp.cpp,\
         $(wildcard tests/bench/*.cpp)))
YARDSTICKS := $(BUILD)/tests/bench/yardstick-tcp $(BUILD)/tests/bench/yardstick-udp
has_library = $(findstring /,$(shell $(CXX) -print-file-name=lib$(1).a))
CATCH = $(if $(call has_library,Catch2Main),-lCatch2Main -lCatch2,$(if \
          $(call has_library,Catch2WithMain),-lCatch2WithMain,-DCATCH_CONFIG_MAIN -x c++ tests/catch.h))

$(BUILD)/tests/%.o: tests/%.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -O0 -MMD -MP -c -o $@ $<

$(BUILD)/tests/run: $(TESTS) $(SUPPORT) $(BENCH) $(patsubst %,$(BUILD)/tests/grade/%.o,plan results) \
                    | $(BUILD)/tests/failing_malloc.so
	$(CXX) $(FLAGS) -o $@ $^ $(CATCH)

# To be preloaded by programs under test, see tests/support/memory.h.
$(BUILD)/tests/failing_malloc.so: tests/failing_malloc.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -fPIC -shared -o $@ $<

$(BUILD)/tests/demo: $(addprefix $(BUILD)/tests/,demo.o support/process.o support/programs.o)
	$(CXX) $(FLAGS) -o $@ $^

$(BUILD)/tests/soak: $(patsubst %,$(BUILD)/tests/%.o,soak $(addprefix support/,process procfs programs servers sockets))
	$(CXX) $(FLAGS) -o $@ $^

# ---- The benchmark: tests/bench/. What measures is compiled like what is measured.
$(BUILD)/tests/bench/%.o: tests/bench/%.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -MMD -MP -c -o $@ $<

$(YARDSTICKS): $(BUILD)/tests/bench/yardstick-%: $(BUILD)/tests/bench/yardstick_%.o
	$(CXX) $(FLAGS) -o $@ $<

$(BUILD)/tests/bench/bench: $(BUILD)/tests/bench/bench.o $(BENCH) $(filter-out %/kit.o,$(SUPPORT))
	$(CXX) $(FLAGS) -o $@ $^

# ---- The handout: what it prints is what happens
$(LAB): $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard tests/lab/*.cpp))
	$(CXX) $(FLAGS) -o $@ $^

check-lab: $(LAB) $(PROGRAMS)
	CXX='$(CXX)' CXXFLAGS='$(CXXFLAGS)' $< $(if $(NEWCOMER),-n) $(if $(ONLY),-s '$(ONLY)')

# ---- Fuzzing: tests/fuzz/fuzz.h says how. A target is built by its own name in two ways.
FUZZ := messages printable prefixed delimited padded tas tap tae
fuzz_source = tests/fuzz/$(if $(filter prefixed delimited padded,$1),frames,$(if \
                $(filter tas tap tae,$1),connection,$1)).cpp
fuzz_flags = -DFRAMING=$1 -DSOURCE='"../../$1/$1.cpp"'
TIME ?= 60

.SECONDEXPANSION:
$(BUILD)/tests/replay-%: $$(call fuzz_source,%) tests/fuzz/replay.cpp $(BUILD)/flags
	$(CXX) $(FLAGS) -O0 $(call fuzz_flags,$*) -MMD -MP -MF $@.d -o $@ $(filter %.cpp,$^)

$(BUILD)/tests/fuzz-%: $$(call fuzz_source,%) FORCE
	@mkdir -p $(@D)
	clang++ $(FLAGS) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(call fuzz_flags,$*) -o $@ $<

# ---- The grader: tests/grade/grader.h. `checks` has the checks, `grade` builds, runs and counts.
GRADE_SUPPORT := $(patsubst %,$(BUILD)/tests/support/%.o,process procfs programs servers sockets text)
GRADE := $(patsubst %,$(BUILD)/tests/grade/%.o,grade grader plan place results sandbox)
CHECKS := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard tests/grade/check*.cpp)) \
          $(patsubst %,$(BUILD)/tests/grade/%.o,listener plan place sandbox)
GRADER := $(BUILD)/tests/grade/run/grade $(BUILD)/tests/grade/run/checks

$(BUILD)/tests/grade/run/grade: $(GRADE) $(GRADE_SUPPORT)
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -o $@ $^

# Not to be read, only to be run: so no process of the same user can look into it or write to it.
$(BUILD)/tests/grade/run/checks: $(CHECKS) $(SUPPORT)
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -o $@ $^ $(CATCH)
	@chmod 0111 $@

$(BUILD)/tests/grade/run/check-grader: $(filter-out %/grade.o,$(GRADE)) $(BUILD)/tests/grade/grader_test.o $(GRADE_SUPPORT)
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -o $@ $^

FROM ?= .
GRADE_COMMAND = $< $(if $(SAN),-m SAN=$(SAN)) $(if $(filter-out g++ c++,$(CXX)),-m CXX=$(CXX)) $(GRADEFLAGS)
grade: $(GRADER)
	@$(GRADE_COMMAND) -f '$(FROM)' -o $(BUILD)/grade

$(EXERCISES:%=grade-%): grade-%: $(GRADER)
	@$(GRADE_COMMAND) -f '$(FROM)' $*

grade-class: $(GRADER)
	@$(GRADE_COMMAND) -c '$(FROM)' -o $(BUILD)/grades

# What Gradescope takes as an autograder, when these files are zipped: the kit, and two scripts.
AUTOGRADER := $(BUILD)/gradescope
gradescope:
	@rm -rf $(AUTOGRADER) && mkdir -p $(AUTOGRADER)/kit/framing
	@cp tests/grade/gradescope/* $(AUTOGRADER)
	@cp Makefile zen.h socketserver.h $(AUTOGRADER)/kit && cp framing/frames.h $(AUTOGRADER)/kit/framing
	@mkdir $(AUTOGRADER)/kit/tests && cp -R tests/catch.h tests/support tests/grade $(AUTOGRADER)/kit/tests
	@echo "Zip the files in $(AUTOGRADER):  cd $(AUTOGRADER) && zip -qr ../autograder.zip ."

grader: $(GRADER)

# Grades the grader by wrong and by right programs; ONLY=tas- checks those with that in their name.
check-grader: $(BUILD)/tests/grade/run/check-grader $(GRADER) $(PROGRAMS)
	ZEN_KIT=$(KIT) $< $(if $(SAN),SAN=$(SAN)) $(ONLY)

# With a sanitizer the transcripts would differ: more threads, more memory, other system calls.
# What builds programs, as the grader does, is not tested with one either: they would be built without.
test: $(BUILD)/tests/run $(PROGRAMS) $(YARDSTICKS) $(FUZZ:%=$(BUILD)/tests/replay-%) $(if $(SAN),,$(GRADER) $(LAB))
	CXX='$(CXX)' CXXFLAGS='$(CXXFLAGS)' ZEN_KIT=$(KIT) EXCEPT=$(if $(SAN),'~[grade]') \
	    sh tests/all.sh $< $(if $(SAN),,$(LAB))

$(NAMES:%=test-%) test-framing: test-%: $(BUILD)/tests/run $(PROGRAMS) $(YARDSTICKS)
	ZEN_KIT=$(KIT) $< '[$*]'

faults: $(BUILD)/tests/run $(PROGRAMS)
	ZEN_KIT=$(KIT) $< '[faults]'

# New cases go to build/corpus/, those that break something to build/.
fuzz: $(FUZZ:%=$(BUILD)/tests/fuzz-%)
	@for target in $(FUZZ); do echo "== $$target"; mkdir -p $(BUILD)/corpus/$$target; \
	    ASAN_OPTIONS=detect_leaks=0 $(BUILD)/tests/fuzz-$$target -max_total_time=$(TIME) -max_len=1000 \
	    -verbosity=0 -print_final_stats=1 -artifact_prefix=$(BUILD)/ $(BUILD)/corpus/$$target tests/corpus/$$target || exit 1; done

SERVER ?= tae
soak: $(BUILD)/tests/soak $(PROGRAMS)
	ZEN_KIT=$(KIT) $< '$(SERVER)' $(TIME) $(SEED)

bench: $(BUILD)/tests/bench/bench $(YARDSTICKS) $(PROGRAMS)
	@ZEN_KIT=$(KIT) $< $(if $(QUICK),-q) $(BUILD)

$(MEASURED:%=bench-%): bench-%: $(BUILD)/tests/bench/bench $(YARDSTICKS) $(PROGRAMS)
	@ZEN_KIT=$(KIT) $< $(if $(QUICK),-q) $(BUILD) $*

demo: $(BUILD)/tests/demo $(PROGRAMS)
	@ZEN_KIT=$(KIT) $<

# What g++ 12's analyzer, made for C, says of C++ strings, of new and of what they initialize is wrong.
ANALYZE := g++ $(FLAGS) -O1 -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-possible-null-dereference \
           -Wno-analyzer-use-of-uninitialized-value -c -o /dev/null
lint: $(NAMES:%=lint-%)
$(NAMES:%=lint-%): lint-%: FORCE
	@echo "== $*"
	@cppcheck --std=c++20 --enable=warning,performance,portability --error-exitcode=1 -q $(filter %/$*,$(FILES)).cpp
	@clang-tidy --quiet $(filter %/$*,$(FILES)).cpp -- -std=c++20 -pthread 2>/dev/null
	@$(ANALYZE) $(filter %/$*,$(FILES)).cpp

help:
	@sed -n 's/^## //p' Makefile

clean:
	rm -rf build $(FILES)

-include $(wildcard $(BUILD)/*.d $(foreach part,. bench grade lab support,$(BUILD)/tests/$(part)/*.d))
