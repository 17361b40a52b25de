# The rules of what is tested, graded, measured and looked at, for the Makefile, which includes this
# file and has the lists of the programs and the flags.
## make check-lab    do all that LAB.md and README.md say, and compare (ONLY='mzts': such titles only;
##                   NEWCOMER=1: one after the other, in one copy in which nothing is built yet)
## make faults       run the tests of what every program survives (as root they are more)
## make fuzz TIME=60  let libFuzzer (clang++) look for bad input, for so many seconds a target
## make soak SERVER=tae TIME=600 SEED=1
##                   a mix of polite and hostile clients for so many seconds (60), by that seed
##                   (SERVER=chats: a chat of 200, 20 of them hostile)
## make grade        grade these programs, or with FROM=DIR a submission; or make grade-NAME (grade-tas)
## make grade-class FROM=DIR  grade the students in DIR (tests/README.md: in ten steps); build/grades/
##                   ROSTER=FILE COLUMN=NAME STUDENT=NAME AT_ONCE=N NOBODY=1, and as for gradescope:
## make gradescope EXERCISES="zens:2 tas" SCALE=100  write an autograder into build/gradescope/
## make check-grader  grade wrong and right programs (tests/wrong, tests/right) to test the grader
## make bench        measure the servers, in two minutes; QUICK=1: in 20 s; or make bench-tae
## make lint         find mistakes (clang-tidy, cppcheck, -fanalyzer) and calls not in POSIX; or make lint-zens
NAMES := $(ZEN) $(FRAMING) $(ASYNCIO)
GRADED := $(ZEN) framing asyncio $(FRAMING) $(ASYNCIO_TCP) $(ASYNCIO_UDP) $(ASYNCIO_ECHO) \
          $(ASYNCIO_OWN) $(filter words,$(ASYNCIO_TOOLS))
# What `make lint` looks at. Not asyncio/: cppcheck 2.10 cannot read the templates there, clang-tidy 14 takes minutes for each
# program and wants references where the parameters of a coroutine have to be values. These have a rule of their own.
LINTED := $(filter-out $(ASYNCIO),$(NAMES))
MEASURED := $(TCP_SERVERS) $(UDP_SERVERS) $(ASYNCIO_TCP) $(ASYNCIO_UDP)

ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL: # make -j clean all: one after the other
endif

.PHONY: demo test check-lab faults fuzz soak bench lint grade grade-class grader gradescope check-grader \
        $(NAMES:%=test-%) test-framing test-asyncio test-library lint-co_await $(MEASURED:%=bench-%) $(GRADED:%=grade-%) $(LINTED:%=lint-%)

# ---- The tests: with the prebuilt main of Catch2 3 or 2, where there is one
LAB := $(BUILD)/tests/lab/check
SUPPORT := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard tests/support/*.cpp))
TESTS := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard tests/test_*.cpp) tests/place_of_the_kit.cpp tests/closing_line.cpp)
BENCH := $(patsubst %.cpp,$(BUILD)/%.o,$(filter-out %/bench.cpp %/yardstick_tcp.cpp %/yardstick_udp.cpp,\
         $(wildcard tests/bench/*.cpp)))
YARDSTICKS := $(BUILD)/tests/bench/yardstick-tcp $(BUILD)/tests/bench/yardstick-udp
has_library = $(findstring /,$(shell $(CXX) -print-file-name=lib$(1).a))
CATCH = $(if $(call has_library,Catch2Main),-lCatch2Main -lCatch2,$(if \
          $(call has_library,Catch2WithMain),-lCatch2WithMain,-DCATCH_CONFIG_MAIN -x c++ tests/catch.h))

$(BUILD)/tests/%.o: tests/%.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -O0 $(FIRST) -MMD -MP -c -o $@ $<

$(BUILD)/tests/run: $(TESTS) $(SUPPORT) $(BENCH) $(patsubst %,$(BUILD)/tests/grade/%.o,download edits page pairs plan results submission tables) \
                    | $(BUILD)/tests/failing_malloc.so
	$(CXX) $(FLAGS) -o $@ $^ $(CATCH)

# asyncio/ is a library: its tests call it, and are compiled as it is by the programs that use it.
$(BUILD)/tests/asyncio/%.o: tests/asyncio/%.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/asyncio/run: $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard tests/asyncio/test_*.cpp) tests/closing_line.cpp)
	$(CXX) $(FLAGS) -o $@ $^ $(CATCH)

test-asyncio: test-library
test-library: $(BUILD)/tests/asyncio/run
	$<

# To be preloaded by programs under test, see tests/support/memory.h.
$(BUILD)/tests/failing_malloc.so: tests/failing_malloc.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -fPIC -shared -o $@ $<

$(BUILD)/tests/co_await: $(addprefix $(BUILD)/tests/,co_await.o grade/co_await.o)
	$(CXX) $(FLAGS) -o $@ $^

$(BUILD)/tests/demo: $(addprefix $(BUILD)/tests/,demo.o support/process.o support/programs.o)
	$(CXX) $(FLAGS) -o $@ $^

$(BUILD)/tests/soak: $(patsubst %,$(BUILD)/tests/%.o,soak $(addprefix support/,process procfs programs servers sockets))
	$(CXX) $(FLAGS) -o $@ $^

$(BUILD)/tests/soak_chat: $(patsubst %,$(BUILD)/tests/%.o,soak_chat $(addprefix support/,process procfs programs servers sockets))
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
FUZZ := messages printable tasks prefixed delimited padded tas tap tae
fuzz_source = tests/fuzz/$(if $(filter prefixed delimited padded,$1),frames,$(if \
                $(filter tas tap tae,$1),connection,$1)).cpp
fuzz_flags = -DFRAMING=$1 -DSOURCE='"../../$1/$1.cpp"'
TIME ?= 60

.SECONDEXPANSION:
$(BUILD)/tests/replay-%: $$(call fuzz_source,%) tests/fuzz/replay.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -O0 $(call fuzz_flags,$*) -MMD -MP -MF $@.d -o $@ $(filter %.cpp,$^)

$(BUILD)/tests/fuzz-%: $$(call fuzz_source,%) FORCE
	@mkdir -p $(@D)
	clang++ $(FLAGS) -fsanitize=fuzzer,address,undefined -fno-sanitize=function -fno-sanitize-recover=all $(call fuzz_flags,$*) -o $@ $<

# ---- The grader: tests/grade/grader.h. `checks` has the checks, `grade` builds, runs and counts.
GRADE_SUPPORT := $(patsubst %,$(BUILD)/tests/support/%.o,json process procfs programs servers sockets text)
GRADE := $(patsubst %,$(BUILD)/tests/grade/%.o,grade class options grader selection submission download \
             exercise jobs outcome page pairs plan place results sandbox tables)
CHECKS := $(patsubst %.cpp,$(BUILD)/%.o,$(wildcard tests/grade/check*.cpp)) \
          $(patsubst %,$(BUILD)/tests/grade/%.o,co_await story student talk machine watching plan place sandbox)
GRADER := $(BUILD)/tests/grade/run/grade $(BUILD)/tests/grade/run/checks

# Reading Catch2 takes two thirds of the time that a test or a check takes to compile: so it is read once.
WITH_CATCH := $(TESTS) $(BUILD)/tests/support/kit.o \
              $(filter-out %/place.o %/plan.o %/sandbox.o,$(CHECKS)) # which are in `grade` as well
$(BUILD)/tests/kit.h.gch: tests/support/kit.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -O0 -MMD -MP -MF $(BUILD)/tests/kit.d -x c++-header -o $@ $<
$(WITH_CATCH): $(BUILD)/tests/kit.h.gch
$(WITH_CATCH): FIRST = -include $(BUILD)/tests/kit.h

# The checks are tests as well: of the kit's own programs.
$(BUILD)/tests/run: $(filter-out %/check_process.o,$(CHECKS))

$(BUILD)/tests/grade/run/grade: $(GRADE) $(GRADE_SUPPORT)
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -o $@ $^

# Not to be read, only to be run: so no process of the same user can look into it or write to it.
$(BUILD)/tests/grade/run/checks: $(CHECKS) $(SUPPORT)
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -o $@ $^ $(CATCH)
	@chmod 0111 $@

$(BUILD)/tests/grade/run/check-grader: $(filter-out %/grade.o %/class.o %/options.o,$(GRADE)) $(patsubst %,$(BUILD)/tests/grade/%.o,edits grader_test) $(GRADE_SUPPORT)
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -o $@ $^

# EXERCISES="zens:2 tas:3" grades these, with weights; SCALE=100: they are worth so much together.
FROM ?= .
# A handout has the list of what it gives, which is worth nothing, and of what is to be written.
HANDOUT ?= $(if $(wildcard tests/handout/given),.)
to_write = $(if $(HANDOUT),$(shell cat '$(HANDOUT)/tests/handout/exercises'))
CHOICE = $(if $(SCALE),-P $(SCALE)) $(or $(EXERCISES),$(to_write))
GRADE_COMMAND = $< $(if $(HANDOUT),-d '$(HANDOUT)') $(if $(SAN),-m SAN=$(SAN)) $(if $(filter-out g++ c++,$(CXX)),-m CXX=$(CXX)) $(GRADEFLAGS)
grade: $(GRADER)
	@$(GRADE_COMMAND) -f '$(FROM)' -o $(BUILD)/grade $(CHOICE)

$(GRADED:%=grade-%): grade-%: $(GRADER)
	@$(GRADE_COMMAND) -f '$(FROM)' $*

grade-class: $(GRADER)
	@$(GRADE_COMMAND) -c '$(FROM)' -o $(BUILD)/grades $(if $(STUDENT),-s '$(STUDENT)') $(if $(AT_ONCE),-p '$(AT_ONCE)') \
	    $(if $(ROSTER),-R '$(ROSTER)') $(if $(COLUMN),-N '$(COLUMN)') $(if $(NOBODY),-n) $(CHOICE)

# What Gradescope takes as an autograder, when these files are zipped: the kit, and two scripts.
AUTOGRADER := $(BUILD)/gradescope
gradescope:
	@rm -rf $(AUTOGRADER) && mkdir -p $(AUTOGRADER)/kit/framing $(AUTOGRADER)/kit/asyncio
	@cp tests/grade/gradescope/* $(AUTOGRADER)
	@cp Makefile $(wildcard *.h) $(AUTOGRADER)/kit && cp $(if $(HANDOUT),$(HANDOUT)/)framing/frames.h $(AUTOGRADER)/kit/framing
	@cp asyncio/*.h $(AUTOGRADER)/kit/asyncio
	@mkdir $(AUTOGRADER)/kit/tests && cp -R tests/rules.mk tests/catch.h tests/support tests/grade $(AUTOGRADER)/kit/tests
	@$(if $(HANDOUT),mkdir $(AUTOGRADER)/kit/tests/handout && cp $(HANDOUT)/tests/handout/given $(AUTOGRADER)/kit/tests/handout,:)
	@echo "$(if $(HANDOUT),-d .) $(CHOICE)" > $(AUTOGRADER)/options
	@echo "Zip the files in $(AUTOGRADER):  cd $(AUTOGRADER) && zip -qr ../autograder.zip ."

grader: $(GRADER)

# Grades the grader by wrong and by right programs; ONLY=tas- checks those with that in their name. With
# WHOLE=1, a wrong program must lose no other check than it names, which takes several times as long.
check-grader: $(BUILD)/tests/grade/run/check-grader $(GRADER) $(PROGRAMS)
	ZEN_KIT=$(KIT) $< $(if $(SAN),SAN=$(SAN)) $(if $(WHOLE),-w) $(ONLY)

# With a sanitizer the transcripts would differ: more threads, more memory, other system calls.
# What builds programs, as the grader does, is not tested with one either: they would be built without.
test: $(BUILD)/tests/run $(BUILD)/tests/asyncio/run $(PROGRAMS) $(YARDSTICKS) $(FUZZ:%=$(BUILD)/tests/replay-%) $(if $(SAN),,$(GRADER) $(LAB))
	CXX='$(CXX)' CXXFLAGS='$(CXXFLAGS)' ZEN_KIT=$(KIT) EXCEPT=$(if $(SAN),'~[grade]') \
	    sh tests/all.sh $< $(if $(SAN),,$(LAB))

$(NAMES:%=test-%) test-framing test-asyncio: test-%: $(BUILD)/tests/run $(PROGRAMS) $(YARDSTICKS)
	ZEN_KIT=$(KIT) $< '[$*]'

faults: $(BUILD)/tests/run $(PROGRAMS)
	ZEN_KIT=$(KIT) $< '[faults]'

# New cases go to build/corpus/, those that break something to build/.
fuzz: $(FUZZ:%=$(BUILD)/tests/fuzz-%)
	@for target in $(FUZZ); do echo "== $$target"; mkdir -p $(BUILD)/corpus/$$target; \
	    ASAN_OPTIONS=detect_leaks=0 $(BUILD)/tests/fuzz-$$target -max_total_time=$(TIME) -max_len=1000 \
	    -verbosity=0 -print_final_stats=1 -artifact_prefix=$(BUILD)/ $(BUILD)/corpus/$$target tests/corpus/$$target || exit 1; done

SERVER ?= tae
soak: $(BUILD)/tests/soak$(if $(filter chats,$(SERVER)),_chat) $(PROGRAMS)
	ZEN_KIT=$(KIT) $< $(if $(filter-out chats,$(SERVER)),'$(SERVER)') $(TIME) $(SEED)

bench: $(BUILD)/tests/bench/bench $(YARDSTICKS) $(PROGRAMS)
	@ZEN_KIT=$(KIT) $< $(if $(QUICK),-q) $(BUILD)

$(MEASURED:%=bench-%): bench-%: $(BUILD)/tests/bench/bench $(YARDSTICKS) $(PROGRAMS)
	@ZEN_KIT=$(KIT) $< $(if $(QUICK),-q) $(BUILD) $*

demo: $(BUILD)/tests/demo $(PROGRAMS)
	@ZEN_KIT=$(KIT) $<

# What g++ 12's analyzer, made for C, says of C++ strings, of new and of what they initialize is wrong.
ANALYZE := g++ $(FLAGS) -O1 -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-possible-null-dereference \
           -Wno-analyzer-use-of-uninitialized-value -c -o /dev/null
lint: $(LINTED:%=lint-%) lint-co_await
lint-co_await: $(BUILD)/tests/co_await
	@$< asyncio/*.h asyncio/*.cpp
program_file = $(filter %/$1,$(PROGRAMS))
$(LINTED:%=lint-%): lint-%: $$(call program_file,%) FORCE
	@echo "== $*"
	@cppcheck --std=c++20 --enable=warning,performance,portability --error-exitcode=1 -q $(filter %/$*,$(FILES)).cpp
	@clang-tidy --quiet $(filter %/$*,$(FILES)).cpp -- -std=c++20 -pthread 2>/dev/null
	@$(ANALYZE) $(filter %/$*,$(FILES)).cpp
	@$(if $(filter $*,$(NEED_EPOLL)),,sh tests/posix.sh $<)

-include $(wildcard $(foreach part,. asyncio handout hunt picture bench grade lab support,$(BUILD)/tests/$(part)/*.d))
-include tests/handout/rules.mk
-include tests/hunt/rules.mk
-include tests/picture/rules.mk
