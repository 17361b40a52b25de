// The table of the tasks, tasks.txt: skeleton.h tells its form.
#include "skeleton.h"

#include <sstream>
#include <stdexcept>

namespace handout {

std::vector<Task> read_tasks(std::string_view text) {
    std::vector<Task> tasks;
    std::vector<std::string> files;
    std::size_t of_this = 0, number = 0; // tasks that the last function has got: one for each file
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        ++number;
        const auto wrong = [&](const std::string &what) {
            return std::runtime_error("line " + std::to_string(number) + ": " + what);
        };
        if (line.empty() || line[0] == '#') continue;
        std::istringstream words(line);
        std::string word;
        if (line[0] == ' ') {
            if (of_this == 0) throw wrong("a text without a function");
            while (words >> word)
                for (std::size_t i = tasks.size() - of_this; i < tasks.size(); ++i)
                    tasks[i].text += (tasks[i].text.empty() ? "" : " ") + word;
        } else if (line[0] >= '1' && line[0] <= '3') {
            words >> word >> word;
            of_this = files.size();
            if (of_this == 0) throw wrong("a function without a file");
            for (const std::string &file : files) tasks.push_back({file, line[0] - '0', word, ""});
        } else {
            files.clear();
            of_this = 0;
            while (words >> word) files.push_back(word);
        }
    }
    for (const Task &task : tasks)
        if (task.text.empty()) throw std::runtime_error(task.name + " has no text");
    return tasks;
}

std::vector<Task> tasks_of(const std::vector<Task> &tasks, const std::string &file, int level) {
    std::vector<Task> all;
    for (const Task &task : tasks) {
        if (task.file != file || task.level > level) continue;
        if (task.name == "main") return {task};
        if (task.level < 3) all.push_back(task);
    }
    return all;
}

} // namespace handout
